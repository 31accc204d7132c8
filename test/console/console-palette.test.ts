/** The palette: everything that an operator goes to or creates, by the keyboard alone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { CHROMIUM_REQUIREMENT, startBrowser, type TestBrowser } from "../testkit/browser.ts";
import { buildConsole, consoleUrl, heading, jumpTo, openSignedIn } from "../testkit/browser-console.ts";
import { BUSY_USER, OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import type { TestServer } from "../testkit/server.ts";

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("the palette", () => assert.fail(missing));
else describe("the palette", { skip: missing ?? false, concurrency: 1 }, usePalette);

function usePalette(): void {
  let browser: TestBrowser;
  let server: TestServer;
  let page: Page;

  before(async () => {
    await buildConsole();
    server = await startFilledServer({ isAged: false });
    browser = await startBrowser();
    ({ page } = await browser.openTab());
    await openSignedIn(page, consoleUrl(server), OWNER);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  const field = () => page.getByRole("combobox", { name: "Go to or create" });

  async function open(): Promise<void> {
    await page.keyboard.press("Control+k");
    await field().waitFor();
    await field().and(page.locator(":focus")).waitFor();
  }

  /** The option that screen readers announce. */
  const active = () =>
    page.evaluate<string | null>(`(() => {
      const id = document.activeElement.getAttribute("aria-activedescendant");
      const option = id === null ? null : document.getElementById(id);
      return option?.getAttribute("role") === "option" && option.getAttribute("aria-selected") === "true" ? option.innerText.trim() : null;
    })()`);

  const isFocusOnPage = () => page.locator("main:focus").waitFor();

  test("Ctrl-K, a part of a page's name and Enter lead there, and the focus is on the page", async () => {
    await open();
    await page.keyboard.type("audit");
    await page.getByRole("option", { name: "Audit log" }).waitFor();
    assert.equal(await active(), "Audit log");
    await page.keyboard.press("Enter");
    await heading(page, "Audit log").waitFor();
    await isFocusOnPage();
    assert.equal(await page.getByRole("dialog").count(), 0);
  });

  test("the arrow keys choose, around the ends, and Escape returns the focus", async () => {
    const link = page.getByRole("link", { name: "API users" });
    await link.focus();
    await open();
    const first = await active();
    assert.equal(first, "Overview");
    await page.keyboard.press("ArrowDown");
    assert.equal(await active(), "API users");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    assert.equal(await active(), "Create an account");
    await page.keyboard.press("ArrowDown");
    assert.equal(await active(), first);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await link.and(page.locator(":focus")).waitFor();
  });

  test("going back closes it", async () => {
    await jumpTo(page, "/keys");
    await page.getByRole("link", { name: "Accounts", exact: true }).click();
    await heading(page, "Accounts").waitFor();
    await open();
    await page.goBack();
    await heading(page, "Public keys").waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("an API user is found and opened", async () => {
    await open();
    await page.keyboard.type(BUSY_USER);
    await page.getByRole("option", { name: BUSY_USER, exact: true }).waitFor();
    await page.keyboard.press("Enter");
    await heading(page, new RegExp(`^${BUSY_USER}`)).waitFor();
  });

  for (const what of ["API user", "account"]) {
    test(`the form for a new ${what} is opened, also on its own page`, async () => {
      for (const from of ["/audit", what === "account" ? "/accounts" : "/users"]) {
        await jumpTo(page, from);
        await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
        await open();
        await page.keyboard.type(`create an ${what}`);
        await page.getByRole("option", { name: `Create an ${what}` }).waitFor();
        await page.keyboard.press("Enter");
        await page.getByRole("dialog", { name: `New ${what}` }).waitFor();
        // No second dialog over what may be half filled in.
        await page.keyboard.press("Control+k");
        assert.equal(await page.getByRole("dialog").count(), 1);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
        assert.ok(!page.url().includes("new="));
      }
    });
  }

  test("a pasted credential is explained, twice in a row, and is in no address, history or search", async () => {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const secret = Buffer.from("signature-of-the-test").toString("base64url");
    const assertion = `${encode({ alg: "RS256", typ: "JWT" })}.${encode({ username: BUSY_USER, iat: 1_700_000_000 })}.${secret}`;
    const token = `1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU`;
    const firstRequest = browser.wire.requests.length;
    for (const [pasted, option, answer] of [
      [`Authorization: JWT ${assertion}`, "Explain this assertion", "It would be refused now"],
      [token, "Explain this token", "The token isn't valid."],
    ] as const) {
      await open();
      await page.keyboard.insertText(pasted);
      await page.getByRole("option", { name: option }).waitFor();
      await page.keyboard.press("Enter");
      await heading(page, "Explain").waitFor();
      await page.getByText(answer).waitFor();
    }
    // The page itself is as helpful to a credential in the field of the other kind.
    for (const [field, pasted, button, answer] of [
      ["Token", assertion, "Check", "It would be refused now"],
      ["Assertion", token, "Explain", "The token isn't valid."],
    ] as const) {
      await page.getByLabel(field, { exact: true }).fill(pasted);
      await page.getByRole("button", { name: button, exact: true }).click();
      await page.getByText(answer).waitFor();
    }
    const sent = browser.wire.requests.slice(firstRequest);
    for (const piece of [secret, "XATBdkXQI3Bf7"]) {
      assert.ok(
        sent.some(({ body }) => body.includes(piece)),
        "it was sent to be explained",
      );
      assert.ok(sent.every(({ url }) => !url.includes(piece)));
      assert.ok(!page.url().includes(piece));
      assert.ok(!JSON.stringify(await page.evaluate("history.state")).includes(piece));
    }
  });

  test("what could be a secret isn't searched for, and the palette says so", async () => {
    const firstRequest = browser.wire.requests.length;
    await open();
    await page.keyboard.insertText("csat_0123456789abcdef0123456789abcdef0123456789a");
    await page.getByText("This looks like a secret or part of one").waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("zzzz");
    await page.getByText("Nothing found.").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.ok(browser.wire.requests.slice(firstRequest).every(({ url }) => !url.includes("csat_")));
  });
}
