/**
 * The console as operators use it: a real Chromium against the real server, on both stores, by what an operator sees.
 * Accessibility and hostile input are in console-pages.test.ts.
 */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import {
  addAuthenticator,
  type Authenticator,
  CHROMIUM_REQUIREMENT,
  readStorage,
  startBrowser,
  type Tab,
  type TestBrowser,
} from "../testkit/browser.ts";
import {
  accountMenu,
  buildConsole,
  consoleUrl,
  createUser,
  heading,
  jumpTo,
  makeKeyPair,
  openLink,
  row,
  signOut,
  storeRecoveryCodes,
} from "../testkit/browser-console.ts";
import { type ConsoleServer, startConsoleServer } from "../testkit/console-server.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { findMissing, IS_CI, type Requirement } from "../testkit/requirements.ts";
import { environment, runProgram } from "../testkit/run-program.ts";
import type { ServerOptions, TestServer } from "../testkit/server.ts";

const PYTHON_REQUIREMENT: Requirement = {
  name: "Python with PyJWT, cryptography and requests",
  debianPackages: "python3-jwt python3-cryptography python3-requests",
  probes: [["/usr/bin/python3", "-c", "import cryptography, jwt, requests"]],
};

const PYTHON_EXAMPLE = fileURLToPath(new URL("../../examples/python/exchange.py", import.meta.url));

const missing = (await findMissing(CHROMIUM_REQUIREMENT)) ?? (await findMissing(PYTHON_REQUIREMENT));

if (missing !== undefined && IS_CI) test("the console", () => assert.fail(missing));
else describe("the console", { skip: missing ?? false, concurrency: 1 }, useConsole);

function useConsole(): void {
  let browser: TestBrowser;
  let postgres: TestPostgres | undefined;

  before(async () => {
    await buildConsole();
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
    await postgres?.stop();
  });

  describe("on SQLite", { concurrency: 1 }, () =>
    tellJourney(
      () => browser,
      async () => ({}),
    ),
  );
  describe("on PostgreSQL", { concurrency: 1 }, () =>
    tellJourney(
      () => browser,
      async () => {
        postgres = await startPostgres();
        return { env: { COUNTERSIGN_DATABASE_URL: await postgres.createDatabase() } };
      },
    ),
  );
}

/** Requests to every server that was started here. */
const ownOrigins = new Set<string>();

/** From the set-up link to a client whose key is deactivated and activated again. */
function tellJourney(browserOf: () => TestBrowser, store: () => Promise<ServerOptions>): void {
  let browser: TestBrowser;
  let server: TestServer;
  let console_: ConsoleServer;
  let url: string;
  let tab: Tab;
  let page: Page;
  let authenticator: Authenticator;
  let firstRequest: number;
  let privateKeyFile: string;

  before(async () => {
    browser = browserOf();
    console_ = await startConsoleServer(await store());
    ({ server } = console_);
    url = consoleUrl(server);
    firstRequest = browser.wire.requests.length;
    tab = await browser.openTab();
    ({ page } = tab);
    authenticator = await addAuthenticator(page);
  });
  after(async () => {
    await tab.close();
    await server.stop();
  });

  test("the set-up link makes the first owner, by a passkey, and shows recovery codes once", async () => {
    await openLink(page, url, console_.setupSecret);
    assert.equal(new URL(page.url()).hash, "", "the link's secret has left the address");
    await heading(page, "Set up Countersign").waitFor();
    await page.getByLabel("Your e-mail address").fill("ada@example.com");
    await page.getByRole("button", { name: "Create a passkey" }).click();
    const codes = await storeRecoveryCodes(page);
    assert.equal(codes.length, new Set(codes).size);
    assert.ok(codes.length >= 8, `${codes.length} recovery codes`);
    const [credential, ...others] = await authenticator.credentials();
    assert.equal(others.length, 0);
    assert.equal(credential?.rpId, "localhost");
    assert.equal(credential?.isResidentCredential, true);
    await accountMenu(page, "ada@example.com").getByText("owner").waitFor();
  });

  test("an API user and its account are created in one dialog, and its key in the browser", async () => {
    await heading(page, "Overview").waitFor();
    await page.getByRole("link", { name: "New API user" }).click();
    await page.getByRole("dialog", { name: "New API user" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("No API user yet").waitFor();
    await createUser(page, { name: "acme", isNew: true }, "orders");
    privateKeyFile = await makeKeyPair(page);
    await heading(page, /^api-1-orders/).waitFor();
    assert.match(privateKeyFile, /api-1-orders\.pem$/);
    const publicKey = createPublicKey(createPrivateKey(readFileSync(privateKeyFile)));
    assert.equal(publicKey.asymmetricKeyDetails?.modulusLength, 2048);
    const [key] = await server.json<{ fingerprint: string; status: string }[]>("key", "list", "api-1-orders");
    await row(page, key?.fingerprint ?? "").waitFor();
    assert.match(await row(page, key?.fingerprint ?? "").innerText(), /active[^]*never/);
  });

  test("the downloaded key works with the Python example, and then the page says that it was used", async () => {
    assert.deepEqual(await runExample(), { status: 200, token: true, code: undefined });
    await eventually("the page says when the key was used", async () => {
      await page.reload();
      const keys = page.getByRole("table", { name: "Public keys" });
      await keys.getByText("active").waitFor();
      const tokensToday = page.getByText("Tokens today").locator("..");
      await tokensToday.waitFor();
      return (
        (await keys.getByRole("row").last().innerText()).includes("never\tjust now") &&
        (await tokensToday.innerText()).endsWith("1")
      );
    });
  });

  test("the overview ticks off the first steps that were really done, until a check has found the token", async () => {
    const doneSteps = async () =>
      (await page.locator("main li h3").allInnerTexts()).filter((text) => /done/.test(text));
    await jumpTo(page, "/");
    await heading(page, "Overview").waitFor();
    await page.getByRole("heading", { name: "Protect an API" }).waitFor();
    assert.equal((await doneSteps()).length, 3);
    const { token } = await server.json<{ token: string }>(
      "token",
      "api-1-orders",
      privateKeyFile,
      "--url",
      server.publicUrl,
    );
    const check = await fetch(`${server.publicUrl}/api/auth/v0/check/`, {
      headers: { authorization: `Token ${token}` },
    });
    assert.equal(check.status, 200);
    await eventually("the steps are over", async () => {
      await page.reload();
      await page.getByRole("heading", { name: "Tokens issued" }).waitFor();
      return (await page.getByRole("heading", { name: "First steps" }).count()) === 0;
    });
    await jumpTo(page, "/users/api-1-orders");
    await heading(page, /^api-1-orders/).waitFor();
  });

  test("deactivated, the key is refused with 403; undone, it works again", async () => {
    await page.getByRole("button", { name: "Deactivate Key 1", exact: false }).click();
    const dialog = page.getByRole("dialog", { name: "Deactivate key 1?" });
    await dialog.getByText(/[12] live tokens? stops? at once/).waitFor();
    await dialog.getByText("api-1-orders").waitFor();
    await dialog.getByRole("button", { name: "Deactivate" }).click();
    await page.getByText("Deactivated key 1.", { exact: true }).waitFor();
    await page.getByRole("table", { name: "Public keys" }).getByText("deactivated").waitFor();
    assert.deepEqual(await runExample(), { status: 403, token: false, code: "key_deactivated" });

    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("Activated key 1.", { exact: true }).waitFor();
    assert.deepEqual(await runExample(), { status: 200, token: true, code: undefined });
  });

  test("the audit log has each of these changes with its author", async () => {
    await page.getByRole("link", { name: "Audit log" }).click();
    await heading(page, "Audit log").waitFor();
    for (const sentence of [/activated key 1/, /deactivated key 1/, /added key 1/, /created the API User/]) {
      await page.getByText(sentence).first().waitFor();
    }
  });

  test("the passkey that the browser offers in the e-mail field signs in again", async () => {
    const before = browser.wire.requests.length;
    await accountMenu(page).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await eventually("the passkey is used", () =>
      browser.wire.requests.slice(before).find((seen) => seen.url.endsWith("/sign-in/passkey") && seen.status === 200),
    );
    await heading(page, "Overview").waitFor();
  });

  test("the passkey button signs in again, and returns to the page that was asked for", async () => {
    // Without a touch at first: otherwise the page's offer in the e-mail field would use this passkey at once.
    await authenticator.setPresence(false);
    await signOut(page);
    await page.addInitScript("PublicKeyCredential.isConditionalMediationAvailable = async () => false");
    await page.goto(`${url}/users/api-1-orders`);
    await heading(page, "Sign in to Countersign").waitFor();
    await authenticator.setPresence(true);
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await heading(page, /^api-1-orders/).waitFor();
  });

  test("no request contained the private key, and no part of it is stored", async () => {
    assertCarriesNothingOf(browser, privateKeyFile, await readStorage(page), firstRequest);
  });

  test("all requests went to the console, and no page reported a problem", () => {
    assert.deepEqual(tab.takeProblems(), []);
    // The Python example uses the proxy too.
    for (const origin of [url, server.publicUrl]) ownOrigins.add(origin);
    assert.deepEqual(
      [...browser.origins()].filter((origin) => !ownOrigins.has(origin)),
      [],
    );
  });

  /** Sent through the proxy, which records the status. */
  async function runExample(): Promise<{ status: number | undefined; token: boolean; code: string | undefined }> {
    const { stdout, stderr } = await runProgram(
      "/usr/bin/python3",
      [PYTHON_EXAMPLE, server.publicUrl, "api-1-orders", privateKeyFile],
      { env: environment({ http_proxy: browser.wire.url, no_proxy: "" }) },
    );
    const { status } = browser.wire.requests.findLast(({ url }) => url.startsWith(server.publicUrl)) ?? {};
    const code = /^(\w+): /.exec(stderr)?.[1];
    return { status, token: /^[0-9]+\.[\w-]+\.[\w-]+\n$/.test(stdout), code };
  }
}

/** Every part of a private key by which it could be recognised. */
function partsOf(privateKeyFile: string): readonly string[] {
  const pem = readFileSync(privateKeyFile, "utf8");
  const key = createPrivateKey(pem);
  const { d = "", p = "", q = "" } = key.export({ format: "jwk" });
  const der = key.export({ format: "der", type: "pkcs8" });
  const lines = pem.split("\n").filter((line) => line.length === 64);
  assert.ok(lines.length > 20 && d.length > 300 && p.length > 150 && q.length > 150);
  const members = [d, p, q].flatMap((member) => {
    const bytes = Buffer.from(member, "base64url");
    return [member, bytes.toString("base64"), bytes.toString("hex")].map((text) => text.slice(4, 60));
  });
  // The first lines hold the modulus, which is in the public half too.
  return [...lines.slice(7), ...members, der.toString("base64url").slice(700, 780)];
}

/** @param from the number of the first request that counts */
function assertCarriesNothingOf(browser: TestBrowser, privateKeyFile: string, stored: string, from: number): void {
  const parts = partsOf(privateKeyFile);
  const publicPem = createPublicKey(readFileSync(privateKeyFile)).export({ format: "pem", type: "spki" });
  const publicPart = publicPem.split("\n")[2] ?? "";
  const requests = browser.wire.requests.slice(from);
  let hasSeenPublicHalf = false;
  for (const { method, url, headers, body } of requests) {
    const sent = [url, decodeURIComponent(url), JSON.stringify(headers), body.toString("latin1")].join("\n");
    const joined = sent.replaceAll(/\\n|\s/g, "");
    for (const part of parts) assert.ok(!joined.includes(part), `${method} ${url} contains a part of a private key`);
    hasSeenPublicHalf ||= joined.includes(publicPart);
  }
  assert.ok(requests.length > 20, `${requests.length} requests were read`);
  assert.ok(hasSeenPublicHalf, "the same search finds the public half, which was sent");
  const joined = stored.replaceAll(/\\+n|\s/g, "");
  for (const part of parts) assert.ok(!joined.includes(part), "the browser has stored a part of a private key");
}
