/**
 * Keys worth trusting, in the console: proofs of possession, weak keys, networks, the overview and its lists, and webhooks; in a real
 * Chromium against the real server.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, describe, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import type { AdminClient } from "../testkit/admin-client.ts";
import { CHROMIUM_REQUIREMENT, startBrowser, type Tab, type TestBrowser } from "../testkit/browser.ts";
import {
  accountMenu,
  buildConsole,
  chooseSegment,
  consoleUrl,
  heading,
  openAddKey,
  row,
  useSession,
} from "../testkit/browser-console.ts";
import { type ConsoleServer, signInCookie, startConsoleServer, useLink } from "../testkit/console-server.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { createKey, temporaryFolder } from "../testkit/server.ts";

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
      env: { COUNTERSIGN_KEY_PROOF: "required", COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.0/8" },
    });
    browser = await startBrowser();
    url = consoleUrl(console_.server);
    owner = console_.api.client.as({ cookie: await useLink(console_, console_.setupSecret, OWNER) });
    for (const [account, name] of [
      ["acme", "demo"],
      ["globex", "other"],
    ]) {
      await owner.post("/accounts", { shortname: account });
      await owner.post("/users", { account, name, access: "full" });
    }
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
    await useSession(page, url, await signInCookie(console_, email));
    await page.goto(url + path);
    await accountMenu(page, email).waitFor();
    return page;
  }

  const keysOf = async (username: string) => (await owner.get(`/users/${username}/keys`)).body.data;

  test("where a proof is required, openssl makes it for a pasted key with the commands that the dialog shows", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const page = await openAs(OWNER, `/users/${USERNAME}`);
    const dialog = await paste(page, publicKey);
    const button = dialog.getByRole("button", { name: "Add key" });
    assert.ok(await button.isDisabled(), "no key is added without a proof");
    const proof = dialog.getByLabel("Proof", { exact: true });

    await proof.fill(await runCommands(dialog, generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey));
    await button.click();
    await dialog.getByText("The proof isn't signed by the new key.").waitFor();
    assert.deepEqual(await keysOf(USERNAME), []);

    await proof.fill(await runCommands(dialog, privateKey));
    await button.click();
    const added = page.getByRole("dialog", { name: "The key is added" });
    await added.getByText("proved", { exact: true }).waitFor();
    await added.getByRole("button", { name: "Done" }).click();
    await row(page, "SHA256:").getByText("possession proved").waitFor();
    const [key] = await keysOf(USERNAME);
    assert.equal(typeof key.proved_at, "string");
  });

  test("possession of a key made in the browser is proved without another step; a retry after a lost response adds one key", async () => {
    const before = (await keysOf(USERNAME)).length;
    const page = await openAs(OWNER, `/users/${USERNAME}`);
    const dialog = await openAddKey(page);
    await chooseSegment(dialog, "Make a pair here");
    await dialog.getByRole("button", { name: "Make the pair" }).click();
    browser.wire.loseNextAnswer("POST", `/api/admin/v1/users/${USERNAME}/keys`);
    await dialog.getByRole("button", { name: "Download private key, add public key" }).click();
    await dialog.getByText("The server can't be reached.").waitFor();
    await dialog.getByRole("button", { name: "Add key" }).click();
    const added = page.getByRole("dialog", { name: "The key is added" });
    await added.getByText("proved", { exact: true }).waitFor();
    const keys = await keysOf(USERNAME);
    assert.equal(keys.length, before + 1);
    assert.equal(typeof keys[0].proved_at, "string");
    // The browser reports the lost response.
    tabs.at(-1)?.takeProblems();
  });

  test("a weak key is refused at its field, with what is weak about it and what to do", async () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 });
    const page = await openAs(OWNER, `/users/${USERNAME}`);
    const dialog = await openAddKey(page);
    await dialog.getByLabel("Public key", { exact: true }).fill(pemOf(publicKey));
    const alert = dialog.getByRole("alert");
    await alert.getByText("This key isn't accepted: weak exponent.").waitFor();
    await alert.getByText("Make a new key pair", { exact: false }).waitFor();
    assert.ok(await dialog.getByRole("button", { name: "Add key" }).isDisabled());
    tabs.at(-1)?.takeProblems();
  });

  test("an API user is limited to networks and may rotate its key; what isn't a network is refused at the field", async () => {
    const page = await openAs(OWNER, `/users/${USERNAME}`);
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: `Edit ${USERNAME}` });
    const networks = dialog.getByLabel("Networks");
    await networks.fill("192.0.2.0/24\nnot a network");
    await dialog.getByLabel("The client may rotate its own key").check();
    await dialog.getByRole("button", { name: "Save" }).click();
    await eventually("the field is refused", async () => (await networks.getAttribute("aria-invalid")) === "true");
    await networks.fill("192.0.2.0/24\n2001:db8::/32");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByText("192.0.2.0/24, 2001:db8::/32").waitFor();
    const { data } = (await owner.get(`/users/${USERNAME}`)).body;
    assert.deepEqual([data.networks, data.may_rotate], [["192.0.2.0/24", "2001:db8::/32"], true]);
    tabs.at(-1)?.takeProblems();
  });

  test("a key that was rotated is stopped together with the key it rotated in, if the operator chooses so, and Undo brings back both", async () => {
    await owner.post("/users", { account: "acme", name: "rotated", access: "full" });
    const first = await createKey(console_.server, "api-1-rotated");
    const second = await createKey(console_.server, "api-1-rotated");
    const database = new DatabaseSync(join(console_.server.dataDir, "countersign.db"), { timeout: 10_000 });
    database.prepare("update public_keys set rotated_from = ? where id = ?").run(first.keyId, second.keyId);
    database.close();
    const statuses = async () =>
      (await keysOf("api-1-rotated")).map(({ status }: { status: string }) => status) as string[];
    const page = await openAs(OWNER, "/users/api-1-rotated");
    await page
      .getByText("rotated from")
      .getByRole("link", { name: `key ${first.keyId}` })
      .waitFor();
    await page
      .getByText("replaced by")
      .getByRole("link", { name: `key ${second.keyId}` })
      .waitFor();
    await page.getByRole("button", { name: `Deactivate key ${first.keyId}` }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Also deactivate the key that it rotated in").check();
    await dialog.getByRole("button", { name: "Deactivate" }).click();
    await page.getByText(`Deactivated key ${first.keyId}.`, { exact: true }).waitFor();
    assert.deepEqual(await statuses(), ["deactivated", "deactivated"]);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText(`Activated key ${first.keyId}.`, { exact: true }).waitFor();
    assert.deepEqual(await statuses(), ["active", "active"]);
  });

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
    await page.getByText("The test was delivered.").waitFor();
    // Keys of the tests before may still be told, too.
    assert.notEqual(receiver.requests.length, 0);
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

/** Pastes a public key into the dialog that adds one, and waits until the server has inspected it. */
async function paste(page: Page, publicKey: KeyObject): Promise<Locator> {
  const dialog = await openAddKey(page);
  await dialog.getByLabel("Public key", { exact: true }).fill(pemOf(publicKey));
  await dialog.getByText(/^RSA, 2048 bits, SHA256:/).waitFor();
  return dialog;
}

function pemOf(publicKey: KeyObject): string {
  return publicKey.export({ format: "pem", type: "spki" });
}

/** Runs the commands that the dialog shows, where a private key is. @returns what they print */
async function runCommands(dialog: Locator, privateKey: KeyObject): Promise<string> {
  const commands = dialog.getByRole("region", { name: "Commands that print the proof" });
  const folder = mkdtempSync(join(temporaryFolder(), "proof-"));
  writeFileSync(join(folder, `${USERNAME}.pem`), privateKey.export({ format: "pem", type: "pkcs8" }));
  const { stdout, stderr } = spawnSync("sh", { input: await commands.innerText(), cwd: folder, encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout;
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
