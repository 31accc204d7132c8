/**
 * Every page and dialog of the console between 360 and 1,920 px, with the longest names that the service takes: the page never
 * scrolls sideways, every button can be reached without scrolling a table sideways, and a phone's lists are compact.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { CHROMIUM_REQUIREMENT, findOverflow, startBrowser, type TestBrowser } from "../testkit/browser.ts";
import { buildConsole, consoleUrl, jumpTo, openSignedIn } from "../testkit/browser-console.ts";
import { OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { goTo, jumpToView, VIEWS } from "../testkit/browser-views.ts";
import { rsaKeyPair } from "../testkit/rsa-keys.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import type { TestServer } from "../testkit/server.ts";

const WIDTHS = [360, 390, 480, 768, 900, 1024, 1440, 1920] as const;
const HEIGHT = 844;

/** How tall the list of 50 API users may be on a phone, in px. */
const PHONE_LIST_PX_MAX = 5000;

/** The longest names, without a place to break a line. */
const LONG_NAME = "w".repeat(63);
const LONG_TEXT = "W".repeat(200);
const LONG_USER = `api-6-${LONG_NAME}`;

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("the console at every width", () => assert.fail(missing));
else describe("the console at every width", { skip: missing ?? false, concurrency: 1 }, lookAtWidths);

function lookAtWidths(): void {
  let browser: TestBrowser;
  let server: TestServer;
  let url: string;
  let page: Page;

  before(async () => {
    await buildConsole();
    server = await startFilledServer({ isAged: false });
    await addLongNames(server);
    url = consoleUrl(server);
    browser = await startBrowser();
    ({ page } = await browser.openTab());
    await openSignedIn(page, url, OWNER);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  /** What is wrong with the open page at each width. */
  async function lookAt(what: string): Promise<readonly string[]> {
    const found: string[] = [];
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      for (const each of [await findOverflow(page), ...(await findOutOfReach(page))]) {
        if (each !== undefined) found.push(`${what}, ${width} px: ${each}`);
      }
    }
    return found;
  }

  for (const view of VIEWS) {
    test(`${view.name}: nothing is wider than the window, and every button is in it`, async () => {
      const tab = view.isOutside === true ? await browser.openTab() : undefined;
      if (tab === undefined) await jumpToView(page, view);
      else {
        const inside = page;
        page = tab.page;
        try {
          await goTo(page, url, view);
          assert.deepEqual(await lookAt(view.name), []);
        } finally {
          page = inside;
          await tab.close();
        }
        return;
      }
      assert.deepEqual(await lookAt(view.name), []);
      await page.setViewportSize({ width: 1280, height: HEIGHT });
    });
  }

  for (const path of [
    `/users/${LONG_USER}`,
    "/users",
    "/keys",
    "/accounts",
    `/accounts/${LONG_NAME}`,
    "/audit",
    "/admin-tokens",
    "/webhooks",
  ]) {
    test(`${path.replace(LONG_USER, "…").replace(LONG_NAME, "…")} with the longest names`, async () => {
      await jumpTo(page, path);
      await page
        .locator("main")
        .filter({ hasText: /w{60}|W{100}/ })
        .waitFor();
      assert.deepEqual(await lookAt(path), []);
    });
  }

  test("50 API users are a compact list on a phone", async () => {
    await page.setViewportSize({ width: 390, height: HEIGHT });
    await jumpTo(page, "/users");
    await page.getByText(/^api-1-partner-49$/).waitFor();
    const height = await page.evaluate<number>("document.scrollingElement.scrollHeight");
    assert.ok(height <= PHONE_LIST_PX_MAX, `${height} px`);
  });

  test("another page of a list is shown from its beginning, and the focus is there", async () => {
    await page.setViewportSize({ width: 390, height: HEIGHT });
    await jumpTo(page, "/users");
    for (const name of ["Next", "Previous"]) {
      await page.getByRole("button", { name }).click();
      await page.getByRole("button", { name: name === "Next" ? "Previous" : "Next", disabled: false }).waitFor();
      await page.locator(".table-frame[aria-busy=false]").waitFor();
      const seen = await page.evaluate<{ readonly focused: string; readonly top: number; readonly bar: number }>(
        `({
          focused: document.activeElement.tagName,
          top: document.querySelector("table").getBoundingClientRect().top,
          bar: document.querySelector(".sidebar").getBoundingClientRect().bottom,
        })`,
      );
      assert.equal(seen.focused, "TABLE");
      assert.ok(seen.top >= seen.bar && seen.top < HEIGHT / 2, `the table begins at ${seen.top} px`);
    }
  });

  test("a list is sorted by a heading, on a phone by a field, and stays sorted on its other pages and by its address", async () => {
    await page.setViewportSize({ width: 1280, height: HEIGHT });
    await jumpTo(page, "/users");
    const table = page.getByRole("table", { name: "API users" });
    const header = table.getByRole("columnheader", { name: "Username" });
    const shown = async () => {
      await page.locator(".table-frame[aria-busy=false]").waitFor();
      return table.locator("tbody tr > td:first-child").allInnerTexts();
    };
    const sorted = (names: readonly string[]) => names.toSorted((a, b) => (nameIn(a) < nameIn(b) ? -1 : 1));
    const nameIn = (username: string) => username.replace(/^api-[0-9]+-/, "");
    await header.getByRole("button").click();
    await table.locator('th[aria-sort="ascending"]').waitFor();
    await page.waitForURL("**/users?order=name");
    const names = await shown();
    assert.deepEqual(names, sorted(names));
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByRole("button", { name: "Previous", disabled: false }).waitFor();
    const more = await shown();
    assert.deepEqual([...names, ...more], sorted([...names, ...more]));
    await header.getByRole("button").click();
    await page.waitForURL("**/users?order=name&direction=descending");
    await table.locator('th[aria-sort="descending"]').waitFor();
    const last = await shown();
    assert.deepEqual(last, sorted(last).toReversed());
    await page.reload();
    assert.deepEqual(await shown(), last);
    await page.setViewportSize({ width: 390, height: HEIGHT });
    const order = page.getByLabel("Order");
    assert.equal(await order.inputValue(), "name descending");
    await order.selectOption({ label: "Username: A to Z" });
    await page.waitForURL("**/users?order=name");
    await table.getByText(names[0] ?? "", { exact: true }).waitFor();
    assert.deepEqual(await shown(), names);
  });

  test("Escape closes a phone's menu and returns the focus to its button", async () => {
    await page.setViewportSize({ width: 390, height: HEIGHT });
    await jumpTo(page, "/users");
    const menu = page.getByRole("button", { name: "Menu" });
    await menu.click();
    await page.getByRole("link", { name: "Public keys" }).focus();
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Public keys" }).waitFor({ state: "hidden" });
    assert.equal(await menu.getAttribute("aria-expanded"), "false");
    assert.equal(await menu.and(page.locator(":focus")).count(), 1);
  });

  test("a dialog's shade covers the whole window", async () => {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      await jumpTo(page, "/users");
      await page.getByRole("button", { name: "New API user" }).first().click();
      await page.getByRole("dialog").waitFor();
      const uncovered = await page.evaluate<readonly string[]>(`(() => {
        const dialog = document.querySelector("[role=dialog]");
        const corners = [[1, 1], [innerWidth - 2, 1], [1, innerHeight - 2], [innerWidth - 2, innerHeight - 2]];
        return corners.flatMap(([x, y]) => {
          const element = document.elementFromPoint(x, y);
          // Where the scrollbar was, there is no element.
          const isCovered = element === null || element === document.documentElement || dialog.contains(element) || element.closest("#root") === null;
          return isCovered ? [] : [x + "," + y + ": " + element.outerHTML.slice(0, 80)];
        });
      })()`);
      assert.deepEqual(uncovered, [], `${width} px`);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
  });
}

/**
 * Buttons and links that are to be seen and lie outside of the window, or are cut off by what they are in: a table that would have to
 * be scrolled first.
 */
async function findOutOfReach(page: Page): Promise<readonly string[]> {
  return await page.evaluate<readonly string[]>(`(() => {
    const dialogs = [...document.querySelectorAll("[role=dialog]")];
    const within = dialogs.at(-1) ?? document.querySelector("main") ?? document.body;
    return [...within.querySelectorAll("button, a[href], input, select, textarea")].flatMap((element) => {
      if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return [];
      const box = element.getBoundingClientRect();
      if (box.width === 0 || box.height === 0 || element.closest(".visually-hidden") !== null) return [];
      let left = 0, right = document.documentElement.clientWidth;
      for (let parent = element.parentElement; parent !== null; parent = parent.parentElement) {
        if (getComputedStyle(parent).overflowX === "visible") continue;
        const frame = parent.getBoundingClientRect();
        left = Math.max(left, frame.left);
        right = Math.min(right, frame.right);
      }
      const isIn = box.left >= left - 1 && Math.min(box.right, box.left + 24) <= right + 1 && (element.tagName !== "BUTTON" || box.right <= right + 1);
      return isIn ? [] : [Math.round(box.left) + ".." + Math.round(box.right) + " of " + Math.round(left) + ".." + Math.round(right) + ": " + element.outerHTML.slice(0, 100)];
    }).slice(0, 3);
  })()`);
}

/** Adds an account, API users, keys and more with the longest names that the service takes, and 50 API users. */
async function addLongNames(server: TestServer): Promise<void> {
  const { token } = await server.json<{ token: string }>("admin-token", "create", LONG_NAME, "--role", "owner");
  const post = async (path: string, body: unknown) => {
    const answer = await fetch(`${server.adminUrl}/api/admin/v1${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 201, await answer.text());
  };
  await Promise.all(
    Array.from({ length: 50 }, (_, number) =>
      post("/users", { account: "acme", name: `partner-${number}`, access: "full" }),
    ),
  );
  await post("/accounts", { shortname: LONG_NAME, name: LONG_TEXT });
  await post("/users", { account: LONG_NAME, name: LONG_NAME, access: "read_only" });
  await post(`/users/${LONG_USER}/keys`, { public_key: rsaKeyPair("long").publicPem, label: LONG_TEXT });
  await post("/webhooks", {
    url: `https://${LONG_NAME}.example/${"p".repeat(300)}`,
    label: LONG_TEXT,
    events: ["key.*"],
  });
}
