/** What people note about an API user, archiving it, and deactivating several API users or keys together, in the console. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { CHROMIUM_REQUIREMENT, findOverflow, startBrowser, type Tab, type TestBrowser } from "../testkit/browser.ts";
import { buildConsole, consoleUrl, jumpTo, openSignedIn, row } from "../testkit/browser-console.ts";
import { OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import type { TestServer } from "../testkit/server.ts";

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("archiving in the console", () => assert.fail(missing));
else describe("archiving in the console", { skip: missing ?? false, concurrency: 1 }, archive);

function archive(): void {
  let browser: TestBrowser;
  let server: TestServer;
  let tab: Tab;
  let page: Page;
  let username: string;

  before(async () => {
    await buildConsole();
    server = await startFilledServer({ isAged: false });
    browser = await startBrowser();
    tab = await browser.openTab({});
    ({ page } = tab);
    await openSignedIn(page, consoleUrl(server), OWNER);
    await jumpTo(page, "/users?status=active");
    username = await page.locator("tbody tr").first().getByRole("link").first().innerText();
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  test("an API user's name, description, contact and access are changed in its dialog, and shown on its page", async () => {
    await jumpTo(page, `/users/${username}`);
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: `Edit ${username}` });
    await dialog.getByLabel("Name", { exact: true }).fill("Nightly import");
    await dialog.getByLabel("Description").fill("Imports orders");
    await dialog.getByLabel("Contact").fill("ops@example.com");
    await dialog.getByLabel("Read-only").check();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    for (const text of ["Nightly import", "Imports orders", "ops@example.com", "read-only"]) {
      await page.locator("main").getByText(text, { exact: true }).first().waitFor();
    }
  });

  test("an archived API user is only in the list of what is archived, until it is restored", async () => {
    await jumpTo(page, `/users/${username}`);
    await page.getByRole("button", { name: "Deactivate", exact: true }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Deactivate", exact: true }).click();
    await page.getByRole("button", { name: "Archive", exact: true }).click();
    await page.getByText("This API user is archived").waitFor();
    assert.equal(await page.getByRole("button", { name: "Activate", exact: true }).count(), 0);

    const listed = async (query: string) => {
      await jumpTo(page, `/users?q=${username}${query}`);
      await page
        .getByText(/No API user matches|^1/)
        .first()
        .waitFor();
      return row(page, username).count();
    };
    assert.deepEqual([await listed(""), await listed("&status=archived")], [0, 1]);

    await jumpTo(page, `/users/${username}`);
    await page.getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByRole("button", { name: "Activate", exact: true }).waitFor();
    assert.equal(await listed("&status=deactivated"), 1);
  });

  test("API users are chosen in the list and deactivated together, and the dialog says what stops", async () => {
    await jumpTo(page, "/users?status=active&order=name");
    await page.getByLabel("Select all shown").waitFor();
    const names = (await page.locator("tbody a[href^='/users/']").allInnerTexts()).slice(0, 2);
    for (const name of names) await page.getByLabel(`Select ${name}`, { exact: true }).check();
    await page.getByText("2 selected").waitFor();
    // Another filter forgets what was chosen, also after a return.
    await page.getByLabel("Status").selectOption("deactivated");
    await row(page, names[0] ?? "").waitFor({ state: "detached" });
    await page.goBack();
    await row(page, names[0] ?? "").waitFor();
    assert.equal(await page.getByText("2 selected").count(), 0);
    assert.equal(await page.locator("tbody input:checked").count(), 0);
    await page.getByLabel("Select all shown").check();
    const count = await page.locator("tbody input:checked").count();
    assert.ok(count > 2);
    await page.getByText(`${count} selected`).waitFor();
    await page.getByLabel("Select all shown").uncheck();
    for (const name of names) await page.getByLabel(`Select ${name}`, { exact: true }).check();
    await page.getByRole("button", { name: "Deactivate…" }).click();
    const dialog = page.getByRole("dialog", { name: "Deactivate 2 API users?" });
    for (const name of names) await dialog.getByText(name, { exact: true }).waitFor();
    await dialog.getByText(/live token/).waitFor();
    await dialog.getByRole("button", { name: "Deactivate" }).click();
    await page.getByText("Deactivated 2 API users.").waitFor();
    await dialog.waitFor({ state: "detached" });
    for (const name of names) await row(page, name).waitFor({ state: "detached" });
    const users = await server.json<{ username: string; status: string }[]>("user", "list", "--limit", "500");
    const status = (name: string) => users.find((user) => user.username === name)?.status;
    assert.deepEqual(names.map(status), ["deactivated", "deactivated"]);
  });

  test("keys are chosen in the list and deactivated together, on a phone; the dialog names the one that was refused", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await jumpTo(page, "/keys");
    const all = page.getByLabel("Select all shown");
    await all.check();
    for (const label of ["2025, data centre", "Priya’s laptop"]) {
      const box = page.getByLabel(`Select api-1-orders-sync, ${label}`);
      assert.deepEqual([await box.isDisabled(), await box.isChecked()], [true, false], "it isn't active");
    }
    await all.uncheck();
    const names = ["api-2-reporting, BI", "api-2-warehouse, spare"];
    for (const name of names) await page.getByLabel(`Select ${name}`).check();
    await page.getByText("2 selected").waitFor();
    // In view although the list is scrolled, as it is below the rows that were chosen.
    await page.mouse.wheel(0, 2000);
    const button = page.getByRole("button", { name: "Deactivate…" });
    await button.click({ trial: true, noWaitAfter: true });
    const keys = await server.json<{ id: number; label: string; status: string }[]>("key", "list", "--limit", "500");
    const idOf = (label: string) => keys.find((key) => key.label === label)?.id;
    await server.json("key", "revoke", String(idOf("spare")));
    await button.click();
    const dialog = page.getByRole("dialog", { name: "Deactivate 2 keys?" });
    for (const name of ["api-2-reporting", "BI", "api-2-warehouse", "spare"]) await dialog.getByText(name).waitFor();
    await dialog.getByText(/live tokens? stops? at once/).waitFor();
    assert.equal(await findOverflow(page), undefined);
    await dialog.getByRole("button", { name: "Deactivate" }).click();
    const report = page.getByRole("dialog", { name: "1 key wasn’t deactivated" });
    await report.getByText("spare").waitFor();
    await report.getByText(/revoked/).waitFor();
    await report.getByText("Close", { exact: true }).click();
    await page.getByText("Deactivated 1 key.").waitFor();
    // "BI" alone is in the head of the table, too: in "Bits".
    await row(page, "api-2-reporting").filter({ hasText: "BI" }).getByText("deactivated").waitFor();
    await page.setViewportSize({ width: 1280, height: 800 });

    const viewer = await browser.openTab();
    await openSignedIn(viewer.page, consoleUrl(server), "linus@example.com");
    await jumpTo(viewer.page, "/keys");
    await row(viewer.page, "api-2-reporting").filter({ hasText: "BI" }).waitFor();
    assert.equal(await viewer.page.getByRole("checkbox").count(), 0, "a viewer may choose nothing");
    await viewer.close();
  });

  test("an account is described, archived and restored on its page", async () => {
    await jumpTo(page, "/accounts?status=active");
    const shortname = await page.locator("tbody tr").last().getByRole("link").first().innerText();
    await jumpTo(page, `/accounts/${shortname}`);
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: shortname });
    await dialog.getByLabel("Description").fill("A partner of old");
    await dialog.getByLabel("Contact").fill("#partners");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    for (const text of ["A partner of old", "#partners"]) await page.locator("main").getByText(text).first().waitFor();

    await page.getByRole("button", { name: "Deactivate", exact: true }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Deactivate", exact: true }).click();
    await page.getByRole("button", { name: "Archive", exact: true }).click();
    await page.getByText("This account is archived").waitFor();
    await jumpTo(page, "/accounts?status=archived");
    await row(page, shortname).waitFor();
    await jumpTo(page, `/accounts/${shortname}`);
    await page.getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByRole("button", { name: "Activate", exact: true }).waitFor();
  });
}
