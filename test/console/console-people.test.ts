/**
 * Less common situations in the console (the common ones are in console.test.ts): roles, sessions that end, concurrent changes, double
 * clicks, lost responses, keyboard use, and a private key in the wrong field.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import type { AdminClient } from "../testkit/admin-client.ts";
import {
  addAuthenticator,
  CHROMIUM_REQUIREMENT,
  readStorage,
  startBrowser,
  type Tab,
  type TestBrowser,
} from "../testkit/browser.ts";
import {
  accountMenu,
  buildConsole,
  chooseSegment,
  consoleUrl,
  heading,
  jumpTo,
  openAddKey,
  row,
  signInByPassword,
  signOut,
  storeRecoveryCodes,
  tabTo,
  useSession,
} from "../testkit/browser-console.ts";
import {
  addKey,
  type ConsoleServer,
  PASSWORD,
  signInCookie,
  startConsoleServer,
  useLink,
} from "../testkit/console-server.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { runCommand } from "../testkit/run-commands.ts";
import { runProgram } from "../testkit/run-program.ts";
import { temporaryFolder, type TestServer } from "../testkit/server.ts";

const OWNER = "first@example.com";
const USERNAME = "api-1-demo";

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("the console and its operators", () => assert.fail(missing));
else describe("the console and its operators", { skip: missing ?? false, concurrency: 1 }, meetPeople);

function meetPeople(): void {
  let browser: TestBrowser;
  let console_: ConsoleServer;
  let server: TestServer;
  let url: string;
  let owner: AdminClient;
  const tabs: Tab[] = [];

  before(async () => {
    await buildConsole();
    console_ = await startConsoleServer({ flags: ["--refusal-limit", "0"] });
    ({ server } = console_);
    browser = await startBrowser();
    url = consoleUrl(server);
    owner = console_.api.client.as({ cookie: await useLink(console_, console_.setupSecret, OWNER) });
    await owner.post("/accounts", { shortname: "acme" });
    await owner.post("/users", { account: "acme", name: "demo", access: "full" });
    await owner.post("/resource-servers", { name: "orders-api" });
    for (const role of ["viewer", "admin"]) {
      const { body } = await owner.post("/invitations", { email: `${role}@example.com`, role });
      await useLink(console_, new URL(body.data.link).hash.slice(1));
    }
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });
  afterEach(async () => {
    for (const tab of tabs.splice(0)) {
      assert.deepEqual(tab.takeProblems(), []);
      await tab.close();
    }
    const origins = [...browser.origins()].filter((origin) => origin !== url);
    assert.deepEqual(origins, [], "all requests went to the console");
  });

  async function open(path = "/sign-in"): Promise<Page> {
    const tab = await browser.openTab();
    tabs.push(tab);
    await tab.page.goto(url + path);
    return tab.page;
  }

  /** Signs an operator in, and opens a page. */
  async function openAs(email: string, path = "/"): Promise<Page> {
    const tab = await browser.openTab();
    tabs.push(tab);
    await useSession(tab.page, url, await signInCookie(console_, email));
    await tab.page.goto(url + path);
    await accountMenu(tab.page, email).waitFor();
    return tab.page;
  }

  const usernames = async (): Promise<readonly string[]> =>
    ((await owner.get("/users?limit=100")).body.data as { username: string }[]).map(({ username }) => username);

  test("a password signs in; a wrong one is refused without telling whether the operator exists", async () => {
    const page = await open();
    const texts: string[] = [];
    for (const email of [OWNER, "nobody@example.com"]) {
      await page.getByLabel("Password", { exact: true }).fill("");
      await signInByPassword(page, email, "not this one");
      await page.getByRole("alert").waitFor();
      texts.push((await page.getByRole("alert").innerText()).replace(/request [\w-]+/, "request"));
      await page.reload();
    }
    assert.equal(texts[0], texts[1]);
    await signInByPassword(page, OWNER);
    await heading(page, "Overview").waitFor();
  });

  test("a click on the passkey button isn't cancelled by the browser's own offer that comes later", async () => {
    const page = await open("/settings");
    await heading(page, "Sign in to Countersign").waitFor();
    const authenticator = await addAuthenticator(page);
    await authenticator.setPresence(false);
    // Without the first page's own offer, which may be under way.
    await page.goto("about:blank");
    await page.addInitScript(`
      window.asked = 0;
      const get = navigator.credentials.get.bind(navigator.credentials);
      navigator.credentials.get = (options) => { window.asked++; return get(options); };
    `);
    // The server's answer for the offer arrives only after the click.
    let answerOffer: (() => void) | undefined;
    let options = 0;
    await page.route("**/sign-in/passkey/options", async (route) => {
      if (options++ === 0) await new Promise<void>((resolve) => (answerOffer = resolve));
      await route.continue();
    });
    await page.goto(`${url}/sign-in`);
    await eventually("the offer asks the server", () => answerOffer);
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    const asked = () => page.evaluate<number>("window.asked");
    await eventually("the authenticator is asked", async () => (await asked()) === 1);
    const answered = page.waitForResponse("**/sign-in/passkey/options");
    answerOffer?.();
    await (await answered).finished();
    // Long enough for the page to do something with it: it renders twice.
    await page.evaluate(
      "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))",
    );
    assert.equal(await asked(), 1);
    await page.unrouteAll();
  });

  test("a recovery code signs in once", async () => {
    const link = await owner.post("/invitations", { email: "codes@example.com", role: "viewer" });
    const page = await open(`/link${new URL(link.body.data.link).hash}`);
    await page.getByRole("button", { name: "Use a password instead" }).click();
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Set the password" }).click();
    const [code = ""] = await storeRecoveryCodes(page);
    for (const isFirst of [true, false]) {
      await signOut(page);
      await page.getByRole("button", { name: "Use a recovery code instead" }).click();
      await page.getByLabel("E-mail address").fill("codes@example.com");
      await page.getByLabel("Recovery code").fill(code);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      if (isFirst) await heading(page, "Overview").waitFor();
      else await page.getByRole("alert").waitFor();
    }
  });

  test("a used or truncated one-time link is explained", async () => {
    const used = await open(`/link#${console_.setupSecret}`);
    await used.getByRole("alert").waitFor();
    await used.getByText("An owner can make a new link").waitFor();
    const cut = await open("/link");
    await cut.getByText("The link is incomplete").waitFor();
  });

  test("a truncated one-time link, then the whole one in the same tab, works without a reload", async () => {
    const link = await owner.post("/invitations", { email: "cut@example.com", role: "viewer" });
    const hash: string = new URL(link.body.data.link).hash;
    const page = await open("/link");
    await page.getByText("The link is incomplete").waitFor();
    for (const part of [hash.slice(0, -8), hash]) {
      // Only the hash differs from the address that is open, so the browser loads nothing.
      await page.evaluate(`window.location.hash = ${JSON.stringify(part)}`);
      if (part === hash) await heading(page, "Welcome to Countersign").waitFor();
      else await page.getByText("An owner can make a new link").waitFor();
      assert.equal(new URL(page.url()).hash, "", "the address bar doesn't keep the secret");
    }
    assert.equal(await page.getByText("The link is incomplete").count(), 0);
  });

  test("an invitation whose link works only on the server's machine says which setting to set", async () => {
    const page = await openAs(OWNER, "/operators");
    await page.getByRole("button", { name: "Invite an operator" }).click();
    await page.getByLabel("E-mail address", { exact: true }).fill("far@example.com");
    await page.getByRole("button", { name: "Make the link" }).click();
    const dialog = page.getByRole("dialog", { name: "Send the link" });
    await dialog.getByText("works only on the machine that runs Countersign").waitFor();
    await dialog.getByText("COUNTERSIGN_ADMIN_URL").waitFor();
  });

  test("links into the console work, after the sign-in and for a signed-in operator", async () => {
    const page = await openAs(OWNER, `/users/${USERNAME}`);
    await heading(page, new RegExp(`^${USERNAME}`)).waitFor();
    for (const [path, title] of [
      ["/", "Overview"],
      ["/users?q=api-1&status=active", "API users"],
      ["/keys?unused=90d", "Public keys"],
      ["/accounts", "Accounts"],
      ["/explain", "Explain"],
      ["/audit?action=user", "Audit log"],
      ["/resource-servers", "Resource servers"],
      ["/signing-keys", "Signing keys"],
      ["/health", "Health"],
      ["/settings", "Settings"],
      ["/webhooks", "Webhooks"],
      ["/operators", "Operators"],
      ["/admin-tokens", "Admin tokens"],
      ["/me", "Your sign-in"],
      ["/device", "Sign a command line in"],
      ["/nowhere/at/all", "Not found"],
    ] as const) {
      await page.goto(url + path);
      await heading(page, title).waitFor();
      assert.equal(await page.title(), `${title} · Countersign`);
    }
    await page.goto(`${url}/users/api-9-nobody`);
    await page.getByRole("alert").first().waitFor();
  });

  test("a search finds any part of a name, in the order that is chosen", async () => {
    const expected = (await usernames()).filter((username) => username.includes("pi-")).toSorted();
    assert.notDeepEqual(expected, []);
    for (const order of ["", "&order=name"]) {
      const page = await openAs(OWNER, `/users?q=PI-${order}`);
      await page
        .locator("tbody a")
        .nth(expected.length - 1)
        .waitFor();
      const shown = await page.locator("tbody a[href^='/users/']").allInnerTexts();
      const heading = page.getByRole("columnheader", { name: order === "" ? "Created" : "Username" });
      assert.equal(await heading.getAttribute("aria-sort"), order === "" ? "descending" : "ascending");
      assert.deepEqual(order === "" ? shown.toSorted() : shown, expected);
    }
  });

  test("the sign-in never leads outside the console", async () => {
    const page = await open();
    for (const to of ["//evil.example/x", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]) {
      await page.goto(`${url}/sign-in?to=${encodeURIComponent(to)}`);
      await signInByPassword(page, OWNER);
      await heading(page, "Overview").waitFor();
      assert.equal(new URL(page.url()).origin, url);
    }
  });

  test("after a session has ended, everything typed is kept and is saved after a new sign-in", async () => {
    const page = await openAs("admin@example.com", "/users?account=acme");
    await page.getByRole("button", { name: "New API user" }).click();
    const dialog = page.getByRole("dialog", { name: "New API user" });
    await dialog.getByLabel("Name of the API user").fill("typed-before");
    await dialog.getByLabel("Read-Only API User").check();
    await endSessionsOf("admin@example.com");
    await dialog.getByRole("button", { name: "Create, then add a key" }).click();

    await page.getByText("Your session has ended").waitFor();
    assert.ok(!(await usernames()).includes("api-1-typed-before"));
    await signInByPassword(page, "admin@example.com");
    await page.getByRole("dialog", { name: "Add a key to api-1-typed-before" }).waitFor();
    const { body } = await owner.get("/users/api-1-typed-before");
    assert.equal(body.data.access, "read_only");
  });

  test("a change that needs a fresh sign-in asks for one in a dialog, and is then made or dropped", async () => {
    const page = await openAs("admin@example.com", "/me");
    const makeOld = () => {
      const database = new DatabaseSync(join(server.dataDir, "countersign.db"), { timeout: 10_000 });
      database.exec("update operator_sessions set authenticated_at_ms = 1");
      database.close();
    };
    makeOld();
    await page.getByRole("button", { name: "Make new codes" }).click();
    const dialog = page.getByRole("dialog", { name: "Make new recovery codes?" });
    await dialog.getByRole("button", { name: "Make new codes" }).click();
    const proof = page.getByRole("dialog", { name: "Confirm that it's you" });
    await proof.waitFor();
    // It closes only the topmost one.
    await page.keyboard.press("Escape");
    await proof.waitFor({ state: "detached" });
    await dialog.getByText("This needs a sign-in of the last 5 minutes.").waitFor();
    await dialog.getByRole("button", { name: "Make new codes" }).click();
    await proof.waitFor();
    await signInByPassword(page, "admin@example.com");
    await page.getByRole("dialog", { name: "Store your recovery codes" }).waitFor();
  });

  test("a command line is signed in by its code, by a fresh sign-in, and is signed out under Your sign-in", async () => {
    const page = await openAs("admin@example.com", "/device");
    const database = new DatabaseSync(join(server.dataDir, "countersign.db"), { timeout: 10_000 });
    database.exec("update operator_sessions set authenticated_at_ms = 1");
    database.close();
    const field = page.getByLabel("Code");
    await field.fill("BBBB-BBBB");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("No command line waits under this code").waitFor();
    const env = { HOME: temporaryFolder() };
    const signedIn = await runCommand(["login", "--admin-url", server.adminUrl, "--json"], env, "", async (shown) => {
      await field.fill(/[A-Z]{4}-[A-Z]{4}/.exec(shown)?.[0]?.toLowerCase() ?? "");
      await page.keyboard.press("Enter");
      await page.getByText("laptop (as it says itself, unverified)").waitFor();
      await page.getByText("Approve only a command line that you started yourself").waitFor();
      await page.getByLabel("Admin").check();
      await page.getByText("1 hour", { exact: true }).click();
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByRole("dialog", { name: "Confirm that it's you" }).waitFor();
      await signInByPassword(page, "admin@example.com");
      await page.getByText("Approved. The command line continues").waitFor();
    });
    assert.equal(signedIn.status, 0, signedIn.stderr);
    const { operator, role, account, expires_at } = JSON.parse(signedIn.stdout);
    assert.deepEqual([operator, role, account], ["admin@example.com", "admin", null]);
    assert.ok(Date.parse(expires_at) <= Date.now() + 3_600_000, "an hour, not the usual twelve");
    await page.goto(`${url}/me`);
    await page.getByRole("button", { name: "Sign out the command line on laptop" }).click();
    await page.getByText("No command line is signed in.").waitFor();
    assert.equal((await runCommand(["whoami"], env)).status, 1);
  });

  test("if another operator signs in on an open page, it reloads and never sends what the first was about to save", async () => {
    const page = await openAs("admin@example.com", "/users?account=acme");
    await page.getByRole("button", { name: "New API user" }).click();
    const dialog = page.getByRole("dialog", { name: "New API user" });
    await dialog.getByLabel("Name of the API user").fill("never-sent");
    await endSessionsOf("admin@example.com");
    await dialog.getByRole("button", { name: "Create, then add a key" }).click();
    await page.getByText("Your session has ended").waitFor();
    await signInByPassword(page, OWNER);
    await page.getByText("Your session has ended").waitFor({ state: "hidden" });
    await heading(page, "API users").waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);
    assert.ok(!(await usernames()).includes("api-1-never-sent"));
  });

  test("an operator who signs in in another tab doesn't take over what is open in this one", async () => {
    const page = await openAs("admin@example.com", "/users?account=acme");
    await page.getByRole("button", { name: "New API user" }).click();
    const dialog = page.getByRole("dialog", { name: "New API user" });
    await dialog.getByLabel("Name of the API user").fill("other-tab");
    const second = await page.context().newPage();
    await second.goto(`${url}/sign-in`);
    await signInByPassword(second, OWNER);
    await heading(second, "Overview").waitFor();
    await dialog.getByRole("button", { name: "Create, then add a key" }).click();
    await page.getByText("Your session has ended").waitFor();
    assert.ok(!(await usernames()).includes("api-1-other-tab"));
    await signInByPassword(page, "admin@example.com");
    await page.getByRole("dialog", { name: "Add a key to api-1-other-tab" }).waitFor();
    const { body } = await owner.get("/audit-events?action=user.created&limit=1");
    assert.equal(body.data[0].actor, "operator:admin@example.com");
  });

  test("a viewer is offered no changes, and the page explains why", async () => {
    const keyId = await addKey(owner, USERNAME);
    const page = await openAs("viewer@example.com");
    for (const [path, title] of [
      ["/users", "API users"],
      [`/users/${USERNAME}`, /^api-1-demo/],
      ["/accounts", "Accounts"],
      ["/resource-servers", "Resource servers"],
      ["/signing-keys", "Signing keys"],
    ] as const) {
      await jumpTo(page, path);
      await heading(page, title).waitFor();
      await page.getByText(/You can't .+ An owner can give you the role (admin|owner)\./).waitFor();
      await page.getByRole("table").first().waitFor();
      for (const word of [
        /^New /,
        /^Add /,
        /^Deactivate/,
        /^Activate/,
        /^More for/,
        /^Rotate/,
        /^Retire/,
        /^Create\b/,
      ]) {
        assert.equal(await page.getByRole("button", { name: word }).count(), 0, `${path} offers a viewer ${word}`);
      }
    }
    // A link that opens a dialog opens none.
    await page.goto(`${url}/users/${USERNAME}?add=key`);
    await row(page, `Key ${keyId}`).waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);
    for (const path of ["/operators", "/admin-tokens", "/webhooks", "/webhooks/1"]) {
      await jumpTo(page, path);
      await page.getByText(/You can't see/).waitFor();
    }
    const navigation = page.getByRole("navigation", { name: "Console" });
    assert.equal(await navigation.getByRole("link", { name: "Operators" }).count(), 0);
  });

  test("revoking a key requires typing its name and can't be undone", async () => {
    const keyId = await addKey(owner, USERNAME);
    const page = await openAs("admin@example.com", `/users/${USERNAME}`);
    await page.getByRole("button", { name: `More for key ${keyId}` }).click();
    await page.getByRole("menuitem", { name: "Revoke permanently…" }).click();
    const dialog = page.getByRole("dialog", { name: `Revoke key ${keyId} permanently?` });
    const button = dialog.getByRole("button", { name: "Revoke permanently" });
    assert.ok(await button.isDisabled());
    const { body } = await owner.get(`/keys/${keyId}`);
    await dialog.getByRole("textbox").fill(body.data.fingerprint.slice(-8));
    await button.click();
    await page.getByText(`Revoked key ${keyId} permanently.`).waitFor();
    const revoked = row(page, body.data.fingerprint);
    await revoked.getByText("revoked").waitFor();
    assert.equal(await page.getByRole("button", { name: "Undo" }).count(), 0);
    assert.equal(await revoked.getByRole("button", { name: /^Activate|^Deactivate|^More/ }).count(), 0);
    assert.equal((await owner.get(`/keys/${keyId}`)).body.data.status, "revoked");
  });

  test("a concurrent change is never overwritten without being shown first", async () => {
    const keyId = await addKey(owner, USERNAME);
    const page = await openAs("admin@example.com", `/users/${USERNAME}`);

    await page.getByRole("button", { name: `Deactivate key ${keyId}` }).click();
    const dialog = page.getByRole("dialog", { name: `Deactivate key ${keyId}?` });
    await dialog.getByText("No live token depends on it.").waitFor();
    await owner.patch(`/keys/${keyId}`, { label: "changed meanwhile" });
    await dialog.getByRole("button", { name: "Deactivate" }).click();
    await dialog.getByText("It was changed in the meantime; nothing was done.").waitFor();
    assert.equal((await owner.get(`/keys/${keyId}`)).body.data.status, "active");
    await dialog.getByRole("button", { name: "Deactivate anyway" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal((await owner.get(`/keys/${keyId}`)).body.data.status, "deactivated");

    await page.getByRole("button", { name: "More for changed meanwhile" }).click();
    await page.getByRole("menuitem", { name: "Edit…" }).click();
    const editing = page.getByRole("dialog", { name: "Edit changed meanwhile" });
    await editing.getByLabel("Label", { exact: true }).fill("mine");
    await owner.patch(`/keys/${keyId}`, { label: "theirs" });
    await editing.getByRole("button", { name: "Save" }).click();
    await editing.getByText("Its label is now “theirs”").waitFor();
    assert.equal((await owner.get(`/keys/${keyId}`)).body.data.label, "theirs");
    await editing.getByRole("button", { name: "Save" }).click();
    await editing.waitFor({ state: "detached" });
    assert.equal((await owner.get(`/keys/${keyId}`)).body.data.label, "mine");
  });

  test("a double click on Create creates one API user; so does a retry after a lost response", async () => {
    const page = await openAs("admin@example.com", "/users?account=acme");
    for (const name of ["clicked-twice", "answer-lost"]) {
      await jumpTo(page, "/users?account=acme");
      await page.getByRole("button", { name: "New API user" }).click();
      const dialog = page.getByRole("dialog", { name: "New API user" });
      await dialog.getByLabel("Name of the API user").fill(name);
      const create = dialog.getByRole("button", { name: "Create, then add a key" });
      if (name === "clicked-twice") await create.dblclick();
      else {
        browser.wire.loseNextAnswer("POST", "/api/admin/v1/users");
        await create.click();
        await dialog.getByText("The server can't be reached.").waitFor();
        assert.ok((await usernames()).includes("api-1-answer-lost"));
        await create.click();
        const said = tabs
          .at(-1)
          ?.takeProblems()
          .map(({ text }) => text);
        assert.match(said?.join() ?? "", /net::ERR_/);
      }
      await page.getByRole("dialog", { name: `Add a key to api-1-${name}` }).waitFor();
    }
    const events = await owner.get("/audit-events?action=user.created");
    const made = events.body.data.map(({ details }: { details: { username: string } }) => details.username);
    for (const name of ["api-1-clicked-twice", "api-1-answer-lost"]) {
      assert.equal(made.filter((username: string) => username === name).length, 1, name);
    }
  });

  test("a private key in the field for public ones is refused before any request carries it", async () => {
    const page = await openAs("admin@example.com", `/users/${USERNAME}`);
    const dialog = await openAddKey(page);
    // The field sends its text once the operator has stopped typing for a while, which is up to the test.
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    const field = dialog.getByLabel("Public key", { exact: true });
    const warning = dialog.getByText("That was a private key.");
    const from = browser.wire.requests.length;
    const inspections = () =>
      browser.wire.requests.slice(from).filter(({ url }) => url.endsWith("/keys/inspect")).length;
    const texts = await makePrivateKeys();
    const publicKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
    const publicPem = publicKey.export({ format: "pem", type: "spki" });
    for (const [kind, text] of Object.entries(texts)) {
      for (const way of ["typed", "file"]) {
        await field.fill("still typing");
        await warning.waitFor({ state: "detached" });
        if (way === "typed") await field.fill(text);
        else {
          const file = join(temporaryFolder(), "key.pem");
          writeFileSync(file, text);
          await dialog.getByLabel("Public key file").setInputFiles(file);
        }
        await warning.waitFor();
        assert.equal(await field.inputValue(), "", `${kind}, ${way}, stays in the field`);
        assert.ok(await dialog.getByRole("button", { name: "Add key" }).isDisabled(), kind);
        await page.clock.runFor(5000);
      }
    }
    assert.equal(inspections(), 0, "no private key was inspected");
    await field.fill(publicPem);
    await page.clock.runFor(5000);
    await dialog.getByText(/^RSA, 2048 bits, SHA256:/).waitFor();
    assert.equal(inspections(), 1, "the public key was inspected");
    const stored = await readStorage(page);
    const sent = browser.wire.requests
      .map(({ url, headers, body }) => `${url}${JSON.stringify(headers)}${body.toString()}`)
      .join();
    for (const [kind, text] of Object.entries(texts)) {
      // Recognised by a piece from the middle, where only the private half is.
      const body = text.replaceAll(/\\+n|\s/g, "");
      const piece = body.slice(body.length * 0.6, body.length * 0.6 + 50);
      assert.ok(piece.length === 50 || kind.startsWith("short"), kind);
      assert.ok(!sent.replaceAll(/\\+n|\s/g, "").includes(piece), `${kind} was sent`);
      assert.ok(!stored.replaceAll(/\\+n|\s/g, "").includes(piece), `${kind} is stored`);
    }
  });

  test("a key pair made here isn't lost by a wrong click, and is gone once its dialog closes", async () => {
    const page = await openAs("admin@example.com", `/users/${USERNAME}`);
    const dialog = await openAddKey(page);
    await chooseSegment(dialog, "Make a pair here");
    await dialog.getByRole("button", { name: "Make the pair" }).click();
    await dialog.getByText("Private key, 2048 bits, not downloaded yet").waitFor();
    const [asked] = await Promise.all([page.waitForEvent("dialog"), page.reload()]);
    assert.equal(asked.type(), "beforeunload", "the browser asks before leaving the page");
    await chooseSegment(dialog, "Make a pair here");
    await dialog.getByRole("button", { name: "Make the pair" }).click();
    await dialog.getByText("Private key, 2048 bits, not downloaded yet").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    const asking = page.getByRole("dialog", { name: "Close without the private key?" });
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      asking.getByRole("button", { name: "Download it" }).click(),
    ]);
    assert.match(readFileSync(await download.path(), "utf8"), /^-----BEGIN PRIVATE KEY-----\n/);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("adding or activating a third key warns which key now needs a kid", async () => {
    await owner.post("/users", { account: "acme", name: "many-keys", access: "full" });
    const keyId = await addKey(owner, "api-1-many-keys");
    await addKey(owner, "api-1-many-keys");
    const page = await openAs("admin@example.com", "/users/api-1-many-keys");
    const dialog = await openAddKey(page);
    await chooseSegment(dialog, "Make a pair here");
    await dialog.getByRole("button", { name: "Make the pair" }).click();
    await dialog.getByRole("button", { name: "Download private key, add public key" }).click();
    const added = page.getByRole("dialog", { name: "The key is added" });
    await added.getByText(`Key ${keyId} is tried only if the assertion's header names`).waitFor();
    await added.getByRole("button", { name: "I have stored the private key" }).click();

    await owner.patch(`/keys/${keyId}`, { status: "deactivated" });
    await page.reload();
    await page.getByRole("button", { name: `Activate key ${keyId}` }).click();
    await page.getByText(`Activated key ${keyId}.`, { exact: true }).waitFor();
    await page.getByText(`Key ${keyId} is tried only if the assertion's header names`).waitFor();
  });

  test("without a mouse: sign in, create an API user, deactivate a key", async () => {
    const keyId = await addKey(owner, USERNAME);
    const page = await open();
    await page.getByLabel("E-mail address").waitFor();
    await tabTo(page, page.getByLabel("E-mail address"));
    await page.keyboard.type("admin@example.com");
    await tabTo(page, page.getByLabel("Password", { exact: true }));
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await heading(page, "Overview").waitFor();
    await tabTo(page, page.getByRole("navigation").getByRole("link", { name: "API users" }));
    await page.keyboard.press("Enter");
    await heading(page, "API users").waitFor();

    await tabTo(page, page.getByRole("button", { name: "New API user" }));
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "New API user" });
    await tabTo(page, dialog.getByRole("textbox", { name: "Account", exact: true }));
    await page.keyboard.type("acme");
    await page.getByRole("option", { name: "acme", exact: true }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await tabTo(page, dialog.getByLabel("Name of the API user"));
    await page.keyboard.type("by-keyboard");
    await tabTo(page, dialog.getByRole("radio", { checked: true }));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Add a key to api-1-by-keyboard" }).waitFor();
    assert.equal((await owner.get("/users/api-1-by-keyboard")).body.data.access, "read_only");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });

    await tabTo(page, page.getByRole("link", { name: "API users" }).first());
    await page.keyboard.press("Enter");
    await heading(page, "API users").waitFor();
    // "/" moves the focus to the search.
    await page.keyboard.press("/");
    await page.keyboard.type(USERNAME);
    await row(page, "api-1-by-keyboard").waitFor({ state: "detached" });
    await tabTo(page, page.getByRole("link", { name: USERNAME }));
    await page.keyboard.press("Enter");
    await heading(page, new RegExp(`^${USERNAME}`)).waitFor();
    await tabTo(page, page.getByRole("button", { name: `Deactivate key ${keyId}` }));
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: `Deactivate key ${keyId}?` }).waitFor();
    // The focus is on the confirming button, and Esc would close the dialog.
    await page.keyboard.press("Enter");
    await page.getByText(`Deactivated key ${keyId}.`, { exact: true }).waitFor();
    assert.equal((await owner.get(`/keys/${keyId}`)).body.data.status, "deactivated");
    await tabTo(page, page.getByRole("button", { name: "Undo" }));
    await page.keyboard.press("Enter");
    await page.getByText(`Activated key ${keyId}.`, { exact: true }).waitFor();
  });

  test("after signing out, neither the back button nor storage shows anything", async () => {
    const page = await openAs(OWNER, `/users/${USERNAME}`);
    await row(page, "SHA256:").first().waitFor();
    await signOut(page);
    assert.ok(!(await readStorage(page)).includes(USERNAME));
    await page.goBack();
    await heading(page, "Sign in to Countersign").waitFor();
    assert.equal(await page.getByText(USERNAME).count(), 0);
  });

  async function endSessionsOf(email: string): Promise<void> {
    const { body } = await owner.get(`/operators?q=${encodeURIComponent(email)}`);
    const { id } = body.data[0];
    const sessions = await owner.get(`/operators/${id}/sessions`);
    for (const session of sessions.body.data) await owner.send("DELETE", `/operators/${id}/sessions/${session.id}`);
  }
}

/** Private keys in the forms that the console must recognise. */
async function makePrivateKeys(): Promise<Readonly<Record<string, string>>> {
  const folder = temporaryFolder();
  const pem = { format: "pem" } as const;
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { privateKey: ecKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pkcs8 = privateKey.export({ ...pem, type: "pkcs8" });
  const file = join(folder, "id_rsa");
  await runProgram("ssh-keygen", ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", file]);
  return {
    "PKCS #8": pkcs8,
    "PKCS #8 with escaped line ends": pkcs8.replaceAll("\n", "\\n"),
    "PKCS #8 in JSON": JSON.stringify({ type: "service_account", private_key: pkcs8 }),
    "PKCS #8 with CRLF, in other text": `here it is:\r\n${pkcs8.replaceAll("\n", "\r\n")}\r\nbye`,
    "PKCS #8 without its markers": pkcs8.split("\n").slice(1, -2).join("\n"),
    "PKCS #1": privateKey.export({ ...pem, type: "pkcs1" }),
    encrypted: privateKey.export({ ...pem, type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" }),
    OpenSSH: readFileSync(file, "utf8"),
    JWK: JSON.stringify(privateKey.export({ format: "jwk" })),
    "JWK, indented": JSON.stringify(privateKey.export({ format: "jwk" }), null, 2),
    "JWK set": JSON.stringify({ keys: [privateKey.export({ format: "jwk" })] }),
    "PKCS #8 after the public key": `${createPublic(pkcs8)}\n${pkcs8}`,
    "short: elliptic": ecKey.export({ ...pem, type: "sec1" }),
  };
}

function createPublic(pkcs8: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${pkcs8.split("\n").slice(2, 8).join("\n")}\n-----END PUBLIC KEY-----`;
}
