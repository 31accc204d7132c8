/**
 * What operators do in the console, by what they see there, for its tests, benchmark and screenshots: no step uses a
 * class, a URL or an id of the page.
 */
import { statSync, readdirSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "playwright-core";
import { PASSWORD } from "./console-server.ts";
import { environment, runProgram } from "./run-program.ts";
import { temporaryFolder, type TestServer } from "./server.ts";

/** The folder of the repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUILT = join(ROOT, "packages", "server", "console");
/** The console's sources. */
const SOURCES = ["packages/console", "packages/protocol/src", "packages/server/src/http/admin"];
const BUILD_TIMEOUT_MS = 120_000;

/** Builds the console unless the build is newer than every source. @param env as vite.config.ts has them, for a build elsewhere */
export async function buildConsole(env: Readonly<Record<string, string>> = {}): Promise<void> {
  const built = join(env["COUNTERSIGN_CONSOLE_OUT"] ?? BUILT, "index.html");
  const newest = Math.max(...SOURCES.map((folder) => newestMs(join(ROOT, folder))));
  if (existsSync(built) && statSync(built).mtimeMs > newest) return;
  const { status, stdout, stderr } = await runProgram("npm", ["run", "build", "-w", "@countersign/console"], {
    env: environment(env),
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`The console can't be built: ${stdout}${stderr}`);
}

/** The time of the newest change below a folder. Generated types don't count: the build writes them. */
export function newestMs(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== "schema.d.ts" && !entry.parentPath.includes("node_modules"),
  );
  return Math.max(...files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs));
}

/** The URL at which operators reach a server's console: with a host name, which passkeys need. */
export function consoleUrl({ adminUrl }: Pick<TestServer, "adminUrl">): string {
  return adminUrl.replace("127.0.0.1", "localhost");
}

/**
 * Goes to a page of the console the way a link does, without loading the console again. The page starts fresh, without open dialogs,
 * even if it is already the open one.
 */
export async function jumpTo(page: Page, path: string): Promise<void> {
  await page.evaluate(`history.pushState(null, "", "/between/pages")`);
  await heading(page, "Not found").waitFor();
  await page.evaluate(`history.pushState(null, "", ${JSON.stringify(path)})`);
}

/** Opens a one-time link. */
export async function openLink(page: Page, url: string, secret: string): Promise<void> {
  await page.goto(`${url}/link#${secret}`);
  await page.getByRole("button", { name: "Create a passkey" }).waitFor();
}

/** Stores the recovery codes that are shown, and continues to the console. @returns the codes */
export async function storeRecoveryCodes(page: Page): Promise<readonly string[]> {
  await heading(page, "Store your recovery codes").waitFor();
  const codes = await page.getByRole("listitem").allInnerTexts();
  await page.getByLabel("I have stored the codes").check();
  await page.getByRole("button", { name: "Open the console" }).click();
  await heading(page, "Overview").waitFor();
  return codes;
}

/** Becomes an operator by a one-time link, with a password. */
export async function acceptByPassword(page: Page, url: string, secret: string, email?: string): Promise<void> {
  await openLink(page, url, secret);
  await page.getByRole("button", { name: "Use a password instead" }).click();
  if (email !== undefined) await page.getByLabel("Your e-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Set the password" }).click();
  await storeRecoveryCodes(page);
}

/** Fills in the sign-in, on a page or in a dialog, and sends it. */
export async function signInByPassword(page: Page, email: string, password = PASSWORD): Promise<void> {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Gives a page the session of a cookie, as a sign-in would. @param cookie `name=value` */
export async function useSession(page: Page, url: string, cookie: string): Promise<void> {
  const [, name = "", value = ""] = /^([^=]+)=(.*)$/.exec(cookie) ?? [];
  await page.context().addCookies([{ name, value, url, httpOnly: true, sameSite: "Strict" }]);
}

/** Opens the console and signs in; ends on the overview. */
export async function openSignedIn(page: Page, url: string, email: string): Promise<void> {
  await page.goto(`${url}/sign-in`);
  await signInByPassword(page, email);
  await heading(page, "Overview").waitFor();
}

export async function signOut(page: Page): Promise<void> {
  await accountMenu(page).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await heading(page, "Sign in to Countersign").waitFor();
}

/** Makes an API user, with a new account if that doesn't exist yet; ends on its page, in the dialog that adds a key. */
export async function createUser(
  page: Page,
  account: { readonly name: string; readonly isNew: boolean },
  name: string,
) {
  await page.getByRole("button", { name: "New API user" }).first().click();
  const dialog = page.getByRole("dialog", { name: "New API user" });
  await chooseAccount(dialog, account);
  await dialog.getByLabel("Name of the API user").fill(name);
  await dialog.getByRole("button", { name: "Create, then add a key" }).click();
  await page.getByRole("dialog", { name: /^Add a key to / }).waitFor();
}

async function chooseAccount(dialog: Locator, { name, isNew }: { readonly name: string; readonly isNew: boolean }) {
  const page = dialog.page();
  const field = dialog.getByRole("textbox", { name: "Account", exact: true });
  await field.click();
  await field.fill(name);
  // The list may be outside of the dialog, over it.
  await page
    .getByRole("option", { name: isNew ? `Create the account “${name}”…` : new RegExp(`^${name}\\b`) })
    .first()
    .click();
}

/** Makes a key pair in the browser, in the dialog that adds a key. @returns the file with the private half */
export async function makeKeyPair(page: Page): Promise<string> {
  const dialog = page.getByRole("dialog", { name: /^Add a key to / });
  await chooseSegment(dialog, "Make a pair here");
  await dialog.getByRole("button", { name: "Make the pair" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    dialog.getByRole("button", { name: "Download private key, add public key" }).click(),
  ]);
  const file = join(temporaryFolder(), download.suggestedFilename());
  await download.saveAs(file);
  const added = page.getByRole("dialog", { name: "The key is added" });
  await added.getByRole("button", { name: "I have stored the private key" }).click();
  await added.waitFor({ state: "detached" });
  return file;
}

/** Chooses one of several segments side by side. */
export async function chooseSegment(within: Locator, name: string): Promise<void> {
  await within.getByRole("button", { name, exact: true }).click();
}

/** The button of the account menu, which is on every page of a signed-in operator. */
export function accountMenu(page: Page, email = ""): Locator {
  return page.getByRole("button", { name: new RegExp(`${email}.*account menu$`) });
}

/** The page's own heading. */
export function heading(page: Page, name: string | RegExp): Locator {
  return page.getByRole("heading", { name, level: 1, exact: typeof name === "string" });
}

/** A row of a table, or of the list that replaces it on a phone, by a text in it. */
export function row(page: Page, text: string | RegExp): Locator {
  return page.getByRole("row").filter({ hasText: text });
}

/** Opens the dialog that adds a key, on an API user's page. */
export async function openAddKey(page: Page): Promise<Locator> {
  await page.getByRole("button", { name: "Add a key" }).first().click();
  const dialog = page.getByRole("dialog", { name: /^Add a key to / });
  await dialog.waitFor();
  return dialog;
}

/**
 * Presses Tab until something has the focus, as a keyboard user does.
 *
 * @throws if it isn't reached within `pressesMax`
 */
export async function tabTo(page: Page, target: Locator, pressesMax = 60): Promise<void> {
  await target.waitFor();
  for (let presses = 0; presses < pressesMax; presses++) {
    if ((await target.and(page.locator(":focus")).count()) === 1) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${pressesMax} times Tab don't lead to ${String(target)}`);
}
