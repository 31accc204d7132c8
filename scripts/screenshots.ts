/**
 * Takes docs/images: every page of the console and its important dialogs, light and dark on a desk, light on a phone, and of the
 * main ones dark on a phone, too; of minor ones nothing in the dark. On a store of its own that looks like one after weeks of use.
 *
 *     npm run screenshots                 all
 *     npm run screenshots -- users user   those alone
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { startBrowser } from "../test/support/browser.ts";
import { buildConsole, consoleUrl, heading, signInByPassword } from "../test/support/browser-console.ts";
import { OWNER, startFilledServer } from "../test/support/browser-data.ts";
import { goTo, VIEWS, type View } from "../test/support/browser-views.ts";
import { setupSecretOf } from "../test/support/console-server.ts";
import { eventually } from "../test/support/eventually.ts";
import { startServer } from "../test/support/server.ts";

const FOLDER = join(import.meta.dirname, "..", "docs", "images");

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
interface Look {
  readonly name: string;
  readonly colorScheme: "light" | "dark";
  readonly device: BrowserContextOptions;
  /** All of them unless given. */
  readonly onlyOf?: readonly string[];
}

const LOOKS: readonly Look[] = [
  { name: "light", colorScheme: "light", viewport: DESK },
  { name: "dark", colorScheme: "dark", viewport: DESK },
  { name: "phone", colorScheme: "light", viewport: PHONE },
  { name: "phone-dark", colorScheme: "dark", viewport: PHONE, onlyOf: ["sign-in", "users", "user", "key-deactivate"] },
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
  // Not a cursor that blinks, nor a chart halfway through its drawing.
  await page.screenshot({ path, animations: "disabled", caret: "hide" });
  bytes += statSync(path).size;
}

/** What belongs to the first steps only: on a store where nobody is yet. */
async function shootFirstSteps(page: Page, look: string): Promise<void> {
  const url = consoleUrl(empty);
  await page.goto(`${url}/link#${secret}`);
  await page.getByRole("button", { name: "Create a passkey" }).waitFor();
  await page.waitForLoadState("networkidle");
  if (isWanted("set-up")) await shoot(page, "set-up", look);
}

for (const { name: look, colorScheme, device, onlyOf } of LOOKS) {
  const options = { ...device, colorScheme, deviceScaleFactor: 1, locale: "en-GB", timezoneId: "UTC" };
  const url = consoleUrl(server);
  const outside = await browser.openTab(options);
  const inside = await browser.openTab(options);
  await inside.page.goto(`${url}/sign-in`);
  await signInByPassword(inside.page, OWNER);
  await heading(inside.page, "API users").waitFor();
  if (onlyOf === undefined) await shootFirstSteps(outside.page, look);
  const views: readonly View[] = VIEWS.filter(
    ({ name, isMinor }) =>
      isWanted(name) && onlyOf?.includes(name) !== false && !(isMinor === true && colorScheme === "dark"),
  );
  for (const view of views) {
    const { page } = view.isOutside === true ? outside : inside;
    await goTo(page, url, view);
    await shoot(page, view.name, look);
  }
  await Promise.all([outside.close(), inside.close()]);
}

await browser.close();
await Promise.all([server.stop(), empty.stop()]);
process.stdout.write(`docs/images: ${Math.round(bytes / 1000)} kB written\n`);
