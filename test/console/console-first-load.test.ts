/**
 * What a first load shows before the page is complete: at most one stage of placeholders, which are those of the page itself. Answers
 * are held back until what is there has been painted, so that the machine's speed decides nothing.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { CHROMIUM_REQUIREMENT, startBrowser, type TestBrowser } from "../testkit/browser.ts";
import { buildConsole, consoleUrl, openSignedIn } from "../testkit/browser-console.ts";
import { BUSY_USER, OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import type { TestServer } from "../testkit/server.ts";

const ME = "/api/admin/v1/me";

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("the first load of the console", () => assert.fail(missing));
else describe("the first load of the console", { skip: missing ?? false, concurrency: 1 }, lookAtFirstLoad);

function lookAtFirstLoad(): void {
  let browser: TestBrowser;
  let server: TestServer;
  let url: string;
  let page: Page;

  before(async () => {
    await buildConsole();
    server = await startFilledServer({ isAged: false });
    url = consoleUrl(server);
    browser = await startBrowser();
    ({ page } = await browser.openTab());
    await openSignedIn(page, url, OWNER);
    await page.addInitScript(WATCH);
    await holdAnswers(page);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  for (const path of ["/", "/users", `/users/${BUSY_USER}`, "/accounts/acme", "/audit", "/webhooks/1", "/settings"]) {
    test(`${path} is painted with the page's own placeholders, then complete`, async () => {
      await page.goto(url + path, { waitUntil: "commit" });
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
      const stages = await page.evaluate<readonly string[]>("window.stages");
      assert.deepEqual(
        stages.filter((stage, at) => stages.indexOf(stage) === at),
        ["nothing", "page", "complete"],
      );
    });
  }
}

/** Notes each kind of page that is shown, in its order. */
const WATCH = `(() => {
  window.stages = [];
  const look = () => {
    const root = document.getElementById("root");
    if (root === null) return;
    const isEmpty = root.querySelector("h1, .bone, nav") === null;
    const stage = isEmpty ? "nothing"
      : root.querySelector(".page-skeleton-body, .sidebar .bone") !== null ? "placeholders of any page"
      : root.querySelector(".bone, [aria-busy=true]") !== null ? "page"
      : "complete";
    if (window.stages.at(-1) !== stage) window.stages.push(stage);
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true });
})()`;

/** Holds every answer of the API until what is there is painted, and the code of a page until the operator is known. */
async function holdAnswers(page: Page): Promise<void> {
  const painted = () =>
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  let known = Promise.withResolvers<void>();
  page.on("framenavigated", () => {
    known = Promise.withResolvers();
  });
  page.on("requestfinished", (request) => {
    if (new URL(request.url()).pathname === ME) known.resolve();
  });
  await page.route(/\/api\/admin\/v1\//, async (route) => {
    await painted();
    await route.continue();
  });
  await page.route(/\/assets\/(users?|accounts?|audit|webhook|settings)-page-[^/]+\.js$/, async (route) => {
    await known.promise;
    await painted();
    await route.continue();
  });
}
