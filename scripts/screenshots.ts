/**
 * Takes docs/images: every page of the console and its important dialogs, in light and dark on a desktop and in light
 * on a phone. The main ones are also taken in dark on a phone, minor ones only in light. The store is made for this and
 * looks as after weeks of use.
 *
 *     npm run screenshots                 all
 *     npm run screenshots -- users user   those alone
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { startBrowser } from "../test/testkit/browser.ts";
import { buildConsole, consoleUrl, openSignedIn } from "../test/testkit/browser-console.ts";
import { OWNER, startFilledServer } from "../test/testkit/browser-data.ts";
import { goTo, VIEWS, type View } from "../test/testkit/browser-views.ts";
import { setupSecretOf } from "../test/testkit/console-server.ts";
import { eventually } from "../test/testkit/eventually.ts";
import { startServer } from "../test/testkit/server.ts";

const FOLDER = join(import.meta.dirname, "..", "docs", "images");

const DESK = { viewport: { width: 1280, height: 800 } };
/** With a phone's scrollbars, which take no space. */
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

interface Look {
  readonly name: string;
  readonly colorScheme: "light" | "dark";
  readonly device: BrowserContextOptions;
  /** All of them by default. */
  readonly onlyOf?: readonly string[];
}

const LOOKS: readonly Look[] = [
  { name: "light", colorScheme: "light", device: DESK },
  { name: "dark", colorScheme: "dark", device: DESK },
  { name: "phone", colorScheme: "light", device: PHONE },
  { name: "phone-dark", colorScheme: "dark", device: PHONE, onlyOf: ["sign-in", "users", "user", "key-deactivate"] },
];

const wanted = process.argv.slice(2);
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);

await buildConsole();
mkdirSync(FOLDER, { recursive: true });
const server = await startFilledServer({ isAged: true });
const empty = await startServer();
const secret = await eventually("a set-up link", () => setupSecretOf(empty.stderr()));
const browser = await startBrowser({ isWatched: false });

let bytes = 0;

async function shoot(page: Page, name: string, look: string): Promise<void> {
  const path = join(FOLDER, `${name}-${look}.png`);
  // Without a blinking cursor or a half-drawn chart.
  await page.screenshot({ path, animations: "disabled", caret: "hide" });
  bytes += statSync(path).size;
}

/** The first steps, on a store without operators. */
async function shootFirstSteps(page: Page, look: string): Promise<void> {
  const url = consoleUrl(empty);
  await page.goto(`${url}/link#${secret}`);
  await page.getByRole("button", { name: "Create a passkey" }).waitFor();
  await page.waitForLoadState("networkidle");
  if (isWanted("set-up")) await shoot(page, "set-up", look);
}

/** One session for all screenshots. */
async function signIn(): Promise<BrowserContextOptions> {
  const { page, close } = await browser.openTab();
  await openSignedIn(page, consoleUrl(server), OWNER);
  const storageState = await page.context().storageState();
  await close();
  return { storageState };
}

const session = await signIn();
for (const { name: look, colorScheme, device, onlyOf } of LOOKS) {
  const options = { ...device, colorScheme, deviceScaleFactor: 1, locale: "en-GB", timezoneId: "UTC" };
  const url = consoleUrl(server);
  const outside = await browser.openTab(options);
  const inside = await browser.openTab({ ...options, ...session });
  if (onlyOf === undefined) await shootFirstSteps(outside.page, look);
  const views: readonly View[] = VIEWS.filter(
    ({ name, isMinor }) =>
      isWanted(name) && onlyOf?.includes(name) !== false && !(isMinor === true && colorScheme === "dark"),
  );
  for (const view of views) {
    const { page } = view.isOutside === true ? outside : inside;
    await goTo(page, url, view);
    await page.waitForLoadState("networkidle");
    await shoot(page, view.name, look);
  }
  await Promise.all([outside.close(), inside.close()]);
}

await browser.close();
await Promise.all([server.stop(), empty.stop()]);
process.stdout.write(`docs/images: ${Math.round(bytes / 1000)} kB written\n`);
