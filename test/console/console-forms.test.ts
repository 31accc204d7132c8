/** The forms and pages of the console: where the focus is, what a form says before it is sent, and how settings are grouped. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { SETTING_GROUPS } from "../../packages/server/src/config/config.ts";
import { CHROMIUM_REQUIREMENT, startBrowser, type TestBrowser } from "../testkit/browser.ts";
import { buildConsole, consoleUrl, heading, jumpTo, openSignedIn } from "../testkit/browser-console.ts";
import { BUSY_USER, OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { eventually } from "../testkit/eventually.ts";
import { goTo, jumpToView, VIEWS } from "../testkit/browser-views.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import type { TestServer } from "../testkit/server.ts";

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("the console's forms", () => assert.fail(missing));
else describe("the console's forms", { skip: missing ?? false, concurrency: 1 }, lookAtForms);

function lookAtForms(): void {
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
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  test("every dialog that asks for something has the focus in a field, or on the button that it marks", async () => {
    const found: string[] = [];
    for (const view of VIEWS) {
      if (view.open === undefined || view.isOutside === true) continue;
      await jumpToView(page, view);
      const problem = await page.evaluate<string | null>(`(() => {
        const dialog = [...document.querySelectorAll("[role=dialog]")].at(-1);
        if (dialog === undefined) return null;
        const isField = (element) => element.matches("input, textarea, select");
        if (![...dialog.querySelectorAll("*")].some(isField)) return null;
        const focused = document.activeElement;
        if (!dialog.contains(focused)) return "the focus isn't in the dialog";
        return isField(focused) || focused.matches("[data-autofocus], .made button") ? null : focused.outerHTML.slice(0, 80);
      })()`);
      if (problem !== null) found.push(`${view.name}: ${problem}`);
    }
    assert.deepEqual(found, []);
  });

  test("the sign-in, a one-time link and Explain have the focus in their first field", async () => {
    const focused = (name: string, within = page) =>
      within.getByLabel(name, { exact: true }).and(within.locator(":focus"));
    await jumpTo(page, "/explain");
    await focused("Assertion").waitFor();
    const tab = await browser.openTab();
    const signIn = VIEWS.find(({ name }) => name === "sign-in");
    assert.ok(signIn);
    await goTo(tab.page, url, signIn);
    await focused("E-mail address", tab.page).waitFor();
    await tab.close();
  });

  test("the dialog for an API user shows its username, and says where the number isn't known yet", async () => {
    const account = (await server.json<{ id: number; shortname: string }[]>("account", "list")).find(
      ({ shortname }) => shortname === "globex",
    );
    assert.ok(account);
    await jumpTo(page, "/users");
    await page.getByRole("button", { name: "New API user" }).first().click();
    const dialog = page.getByRole("dialog", { name: "New API user" });
    const preview = dialog.getByRole("status");
    const name = dialog.getByLabel("Name of the API user");
    await name.fill("billing");
    await preview.getByText("Its username will be api-…-billing. Choose the account to see its number.").waitFor();
    const picker = dialog.getByRole("textbox", { name: "Account", exact: true });
    await picker.click();
    await picker.fill("glob");
    await page.getByRole("option", { name: /^globex\b/ }).click();
    await preview.getByText(`Its username will be api-${account.id}-billing.`, { exact: true }).waitFor();
    await name.fill("Billing!");
    await preview.getByText("A name has at most 63 characters").waitFor();
    await name.fill("billing");
    await picker.click();
    await picker.fill("brand-new");
    await page.getByRole("option", { name: "Create the account “brand-new”…" }).click();
    await preview
      .getByText("Its username will be api-…-billing. The service chooses the number when it creates the account.")
      .waitFor();
    await page.keyboard.press("Escape");
  });

  test("settings are grouped as docs/configuration.md groups them", async () => {
    await jumpTo(page, "/settings");
    await page.getByRole("heading", { name: "Listeners", level: 2 }).waitFor();
    const titles = await page.getByRole("main").getByRole("heading", { level: 2 }).allInnerTexts();
    assert.deepEqual(
      titles,
      SETTING_GROUPS.map(({ title }) => title),
    );
    const rows = page.getByRole("table", { name: "Limits" }).getByRole("row");
    assert.equal(await rows.filter({ hasText: "COUNTERSIGN_REFUSAL_LIMIT" }).count(), 1);
  });

  test("the API users and the public keys that are shown can be downloaded as CSV", async () => {
    for (const [path, title, fileName, header] of [
      ["/users", "API users", "api-users.csv", /^username,account,access,status,/],
      ["/keys", "Public keys", "public-keys.csv", /^username,id,label,bits,/],
    ] as const) {
      await jumpTo(page, path);
      await heading(page, title).waitFor();
      await page.locator(".table-frame[aria-busy=false]").waitFor();
      const rows = await page.locator("tbody tr").count();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "CSV", exact: true }).click(),
      ]);
      assert.equal(download.suggestedFilename(), fileName);
      const text = await readFile(await download.path(), "utf8");
      assert.match(text, header);
      assert.equal(text.split("\r\n").length, rows + 2);
    }
  });

  test("the page of an account has its API users, its figures and the operators with access to it", async () => {
    await jumpTo(page, "/accounts");
    await page.getByRole("link", { name: "acme", exact: true }).click();
    await heading(page, "acme").waitFor();
    await page.getByRole("table", { name: "API users" }).getByRole("link", { name: "api-1-orders-sync" }).waitFor();
    await page.getByRole("table", { name: "Operators with access" }).getByText(OWNER).waitFor();
    const active = page.getByRole("link", { name: /^Active keys/ });
    await active.click();
    await heading(page, "Public keys").waitFor();
    assert.equal(new URL(page.url()).search, "?account=acme&status=active");
  });

  test("the page of an API user counts its refusals by code, each with its explanation, and has code for other ways", async () => {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const assertion = [
      encode({ alg: "RS256", typ: "JWT" }),
      encode({ username: BUSY_USER, iat: 1_700_000_000 }),
      "c2ln",
    ];
    const answer = await fetch(`${server.publicUrl}/api/auth/v0/refresh/`, {
      headers: { authorization: `JWT ${assertion.join(".")}` },
    });
    assert.equal(answer.status, 401);
    await answer.arrayBuffer();
    const code = page.getByRole("listitem").filter({ hasText: "assertion_stale" });
    await eventually("the count is written", async () => {
      await jumpTo(page, `/users/${BUSY_USER}`);
      await heading(page, new RegExp(`^${BUSY_USER}`)).waitFor();
      await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
      return (await code.count()) === 1;
    });
    const href = await code.getByRole("link").getAttribute("href");
    assert.equal(href, `${server.publicUrl}/docs/errors#assertion_stale`);
    for (const [tab, text] of [
      ["SDK", "createTokenSource"],
      ["OAuth", "client_credentials"],
      ["Call an API", "Authorization: Token"],
    ] as const) {
      await page.getByRole("tab", { name: tab }).click();
      await page
        .getByRole("region", { name: `Code: ${tab}` })
        .getByText(text)
        .first()
        .waitFor();
    }
  });
}
