/**
 * Keys worth trusting, in the console: the overview and its lists, and webhooks; in a real
 * Chromium against the real server.
 */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { after, afterEach, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import type { AdminClient } from "../testkit/admin-client.ts";
import { CHROMIUM_REQUIREMENT, startBrowser, type Tab, type TestBrowser } from "../testkit/browser.ts";
import { accountMenu, buildConsole, consoleUrl, heading, row, signInByPassword } from "../testkit/browser-console.ts";
import { type ConsoleServer, startConsoleServer, useLink } from "../testkit/console-server.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { createKey } from "../testkit/server.ts";

const OWNER = "first@example.com";
const USERNAME = "api-1-demo";

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("keys in the console", () => assert.fail(missing));
else describe("keys in the console", { skip: missing ?? false, concurrency: 1 }, useKeys);

function useKeys(): void {
  let browser: TestBrowser;
  let console_: ConsoleServer;
  let url: string;
  let owner: AdminClient;
  const tabs: Tab[] = [];

  before(async () => {
    await buildConsole();
    console_ = await startConsoleServer({
      flags: ["--refusal-limit", "0"],
      env: { COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.0/8" },
    });
    browser = await startBrowser();
    url = consoleUrl(console_.server);
    owner = console_.api.client.as({ cookie: await useLink(console_, console_.setupSecret, OWNER) });
    for (const account of ["acme", "globex"]) await console_.server.json("account", "create", account);
    await console_.server.json("user", "create", "demo", "--account", "acme");
    await console_.server.json("user", "create", "other", "--account", "globex");
    const { body } = await owner.post("/invitations", { email: "zoe@example.com", role: "admin", account: "globex" });
    await useLink(console_, new URL(body.data.link).hash.slice(1));
  });
  after(async () => {
    await browser.close();
    await console_.server.stop();
  });
  afterEach(async () => {
    for (const tab of tabs.splice(0)) {
      assert.deepEqual(tab.takeProblems(), []);
      await tab.close();
    }
  });

  /** Signs an operator in, and opens a page. */
  async function openAs(email: string, path: string): Promise<Page> {
    const tab = await browser.openTab();
    tabs.push(tab);
    const { page } = tab;
    await page.goto(`${url}/sign-in?to=${encodeURIComponent(path)}`);
    await signInByPassword(page, email);
    await accountMenu(page, email).waitFor();
    return page;
  }

  test("the overview leads to the list of the keys that it counts; an operator of one account sees only theirs", async () => {
    const { keyId } = await createKey(console_.server, "api-2-other");
    const soon = new Date(Date.now() + 5 * 86_400_000).toISOString();
    await owner.patch(`/keys/${keyId}`, { expires_at: soon, label: "expires soon" });
    const page = await openAs(OWNER, "/");
    const expiring = page.getByRole("link", { name: /^Expire within 30 days/ });
    await expiring.getByText("1", { exact: true }).waitFor();
    await expiring.click();
    await heading(page, "Public keys").waitFor();
    assert.equal(new URL(page.url()).search, "?expiring=30d");
    await row(page, "expires soon").waitFor();
    assert.equal(await page.getByRole("table").getByRole("link").count(), 1);

    const limited = await openAs("zoe@example.com", "/");
    await limited.getByText("of the account globex").waitFor();
    await limited
      .locator("main")
      .getByRole("link", { name: /^API users/ })
      .getByText("1", { exact: true })
      .waitFor();
    assert.equal(await limited.getByText("acme").count(), 0);
    await limited.getByRole("link", { name: /^Active keys/ }).click();
    await row(limited, "expires soon").waitFor();
    assert.equal(await limited.getByText(USERNAME).count(), 0);
  });

  test("a webhook endpoint is created, tested, given another secret and deactivated; its deliveries are listed", async (t) => {
    const receiver = await startReceiver();
    t.after(() => receiver.stop());
    const page = await openAs(OWNER, "/webhooks");
    await page.getByText("No webhook endpoint yet").waitFor();
    await page.getByRole("button", { name: "New endpoint" }).first().click();
    const dialog = page.getByRole("dialog", { name: "New webhook endpoint" });
    await dialog.getByLabel("URL").fill("http://192.0.2.1/hook");
    await dialog.getByLabel("Label").fill("test receiver");
    await dialog.getByLabel("Events").fill("key.*\nno.such");
    await dialog.getByRole("button", { name: "Create endpoint" }).click();
    await eventually("a field is refused", async () => (await dialog.locator("[aria-invalid=true]").count()) > 0);
    await dialog.getByLabel("URL").fill(receiver.url);
    await dialog.getByLabel("Events").fill("key.*");
    await dialog.getByRole("button", { name: "Create endpoint" }).click();
    const first = await storeSecret(page);

    await page.getByRole("link", { name: "test receiver" }).click();
    await heading(page, "test receiver").waitFor();
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("Test delivered.").waitFor();
    assert.equal(receiver.requests.length, 1);
    assert.match(String(receiver.requests[0]?.headers["webhook-signature"]), /^v1,/);

    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByRole("button", { name: "Make the new secret" }).click();
    assert.notEqual(await storeSecret(page), first);
    await page.getByText(/^ends in/).waitFor();

    await createKey(console_.server, "api-2-other");
    await page.getByRole("table", { name: "Deliveries" }).getByText("key.added").waitFor();

    await page.getByRole("button", { name: "Deactivate" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Deactivate" }).click();
    await page.getByText("Deactivated webhook endpoint 1.").waitFor();
    await page.getByRole("button", { name: "Activate", exact: true }).click();
    await page.getByText("Activated webhook endpoint 1.").waitFor();
    tabs.at(-1)?.takeProblems();
  });
}

/** Stores the secret of an endpoint that is shown once. @returns the secret */
async function storeSecret(page: Page): Promise<string> {
  const dialog = page.getByRole("dialog", { name: "Store the secret" });
  const secret = await dialog.getByText(/^whsec_/).innerText();
  await dialog.getByLabel("I have stored it").check();
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
  return secret;
}

/** A receiver that accepts every delivery. */
async function startReceiver(): Promise<{
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
  stop(): Promise<void>;
}> {
  const requests: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
