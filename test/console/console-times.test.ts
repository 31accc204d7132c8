/** The times that the console shows: in the operator's time zone or in UTC, as chosen for the browser. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { CHROMIUM_REQUIREMENT, startBrowser, type Tab, type TestBrowser } from "../testkit/browser.ts";
import { accountMenu, buildConsole, consoleUrl, jumpTo, openSignedIn } from "../testkit/browser-console.ts";
import { OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import type { TestServer } from "../testkit/server.ts";

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("times in the console", () => assert.fail(missing));
else describe("times in the console", { skip: missing ?? false, concurrency: 1 }, lookAtTimes);

const UTC = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/;
const KATHMANDU = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\+5:45$/;

function lookAtTimes(): void {
  let browser: TestBrowser;
  let server: TestServer;
  let tab: Tab;
  let page: Page;

  before(async () => {
    await buildConsole();
    server = await startFilledServer({ isAged: false });
    browser = await startBrowser();
    tab = await browser.openTab({ timezoneId: "Asia/Kathmandu" });
    ({ page } = tab);
    await openSignedIn(page, consoleUrl(server), OWNER);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  /** The exact time of an event as shown and as its tooltip, and the tooltip of the same time in the list. */
  async function timesOfEvent() {
    await jumpTo(page, "/audit");
    const details = page.getByRole("button", { name: /^Details of event/ });
    const row = page.locator("tbody tr").filter({ has: details }).first();
    const listed = await row.locator("time").first().getAttribute("title");
    await row.getByRole("button", { name: /^Details of event/ }).click();
    const time = page.getByRole("dialog").locator("time").first();
    const seen = { shown: await time.innerText(), tooltip: (await time.getAttribute("title")) ?? "" };
    const instant = Date.parse((await time.getAttribute("datetime")) ?? "");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    return { ...seen, instant, listed: listed?.split("\n") ?? [] };
  }

  test("an exact time is local, with UTC as its tooltip, and both are the same instant", async () => {
    const { shown, tooltip, instant, listed } = await timesOfEvent();
    assert.match(shown, KATHMANDU);
    assert.match(tooltip, UTC);
    assert.equal(Date.parse(tooltip.replace(" UTC", "Z")), Math.floor(instant / 1000) * 1000);
    assert.equal(Date.parse(shown.replace(" GMT+5:45", "+05:45")), Math.floor(instant / 1000) * 1000);
    assert.deepEqual(listed, [shown, tooltip]);
  });

  test("UTC is chosen once in the account menu, for every time and after a reload", async () => {
    await accountMenu(page).click();
    await page.getByRole("menuitemradio", { name: "UTC" }).click();
    for (const isReloaded of [false, true]) {
      if (isReloaded) await page.reload();
      const { shown, tooltip, listed } = await timesOfEvent();
      assert.match(shown, UTC);
      assert.match(tooltip, KATHMANDU);
      assert.deepEqual(listed, [shown, tooltip]);
    }
  });
}
