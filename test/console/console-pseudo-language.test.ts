/**
 * The console in a pseudo-language, built as a translation is: a file with texts and nothing else. Every visible word comes from the
 * catalogue, except names, examples and what the server says, and texts that are 40 % longer still fit.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { CHROMIUM_REQUIREMENT, findOverflow, startBrowser, type TestBrowser } from "../testkit/browser.ts";
import { buildConsole, consoleUrl, openSignedIn } from "../testkit/browser-console.ts";
import { BUSY_USER, OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { MARKS, PSEUDO_LANGUAGE, writePseudoLanguage } from "../testkit/pseudo-language.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { temporaryFolder, type TestServer } from "../testkit/server.ts";

const WIDTHS = [390, 1440] as const;
const HEIGHT = 900;

const PATHS = [
  "/",
  "/users",
  "/users?q=nobody",
  "/users?new=user",
  `/users/${BUSY_USER}`,
  `/users/${BUSY_USER}?add=key`,
  "/keys",
  "/accounts",
  "/accounts?new=account",
  "/explain",
  "/audit",
  "/resource-servers",
  "/signing-keys",
  "/device",
  "/webhooks",
  "/webhooks/1",
  "/operators",
  "/admin-tokens",
  "/me",
  "/health",
  "/settings",
  "/nowhere",
  "/link",
  "/sign-in",
] as const;

/** What isn't a text of the console: names and values, code, the server's English, times (which Intl words), drawings. */
const DATA = "bdi, code, pre, kbd, time, svg, body [lang=en], .mono, .secret";

/** The same in every language: names, and examples of what clients send. */
const NAMES = ["Countersign", "curl", "JavaScript", "PHP", "Python", "Ruby", "SDK", "OAuth"];
const EXAMPLE = /^(-----BEGIN |Authorization: JWT |1\.lM45|https:)/;

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("the console in a pseudo-language", () => assert.fail(missing));
else describe("the console in a pseudo-language", { skip: missing ?? false, concurrency: 1 }, lookAtPages);

function lookAtPages(): void {
  let browser: TestBrowser;
  let server: TestServer;
  let url: string;
  let page: Page;

  before(async () => {
    const texts = temporaryFolder();
    const built = temporaryFolder();
    writePseudoLanguage(texts);
    await buildConsole({ COUNTERSIGN_CONSOLE_TEXTS: texts, COUNTERSIGN_CONSOLE_OUT: built });
    server = await startFilledServer({ isAged: false });
    url = consoleUrl(server);
    browser = await startBrowser();
    const english = await browser.openTab();
    await openSignedIn(english.page, url, OWNER);
    const storageState = await english.page.context().storageState();
    ({ page } = await browser.openTab({ locale: PSEUDO_LANGUAGE, storageState }));
    await serveFrom(page.context(), built);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  for (const path of PATHS) {
    test(`${path}: every word comes from the catalogue, and fits`, async () => {
      const problems: string[] = [];
      await page.goto(url + path);
      await page.getByText(MARKS[0]).first().waitFor();
      await page.locator("[aria-busy=true], .bone").first().waitFor({ state: "detached" });
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: HEIGHT });
        problems.push(...(await findForeign(page)));
        const overflow = await findOverflow(page);
        if (overflow !== undefined) problems.push(`${width} px: ${overflow}`);
      }
      assert.deepEqual(problems, []);
    });
  }

  test("a page says which language it is in", async () => {
    await page.goto(url);
    await page.getByText(MARKS[0]).first().waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), PSEUDO_LANGUAGE);
  });

  test("a page in English doesn't pass for the pseudo-language", async () => {
    const { page: english } = await browser.openTab();
    await english.goto(`${url}/sign-in`);
    await english.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await english.locator("html").getAttribute("lang"), "en");
    assert.ok((await findForeign(english)).includes("text: Sign in to Countersign"));
  });
}

/** Serves the console's files from a folder, and leaves the admin API to the server. */
async function serveFrom(context: BrowserContext, folder: string): Promise<void> {
  await context.route(
    ({ pathname }) => !pathname.startsWith("/api/"),
    async (route) => {
      const file = join(folder, new URL(route.request().url()).pathname);
      await route.fulfill({ path: /\.\w+$/.test(file) && existsSync(file) ? file : join(folder, "index.html") });
    },
  );
}

/** The visible texts, labels and placeholders of a page that aren't of the pseudo-language: plain letters in them have no accent. */
async function findForeign(page: Page): Promise<readonly string[]> {
  return await page.evaluate<readonly string[]>(`(() => {
    const found = [];
    const isPlain = (text) => {
      const words = ${JSON.stringify(NAMES)}.reduce((rest, name) => rest.replaceAll(name, ""), text);
      return /[A-Za-z]{2,}/.test(words) && !${String(EXAMPLE)}.test(text);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { parentElement: element, data } = walker.currentNode;
      if (element.closest(${JSON.stringify(DATA)}) !== null || element.closest("script, style, noscript") !== null) continue;
      if ((element.checkVisibility() || element.tagName === "OPTION") && isPlain(data)) found.push("text: " + data.trim());
    }
    for (const name of ["aria-label", "placeholder", "alt"]) {
      for (const element of document.querySelectorAll("[" + name + "]")) {
        const value = element.getAttribute(name);
        if (isPlain(value) && !value.includes(${JSON.stringify(MARKS[0])})) found.push(name + ": " + value);
      }
    }
    return [...new Set(found)];
  })()`);
}
