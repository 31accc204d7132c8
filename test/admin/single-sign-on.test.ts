/**
 * Sign-in through an identity provider: a real provider, a real server, and a browser that follows their redirects.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { type IdentityProvider, RedirectingBrowser, startIdentityProvider } from "../testkit/identity-provider.ts";
import { startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";

const SIGN_IN = "/api/admin/v1/sign-in/single-sign-on";
const CALLBACK = `${SIGN_IN}/callback`;

let provider: IdentityProvider;
let server: TestServer;
/** The console's URL, as browsers reach it. */
let console: string;
/** The names of its cookies. */
let SESSION: string;
let FLOW: string;

before(async () => {
  const adminPort = await reservePort();
  console = `http://localhost:${adminPort}`;
  SESSION = `countersign_session_${adminPort}`;
  FLOW = `countersign_single_sign_on_${adminPort}`;
  provider = await startIdentityProvider(() => [console + CALLBACK]);
  server = await startServer({
    dataDir: temporaryFolder(),
    flags: ["--admin-port", String(adminPort), "--refusal-limit", "0", "--log-level", "trace"],
    env: {
      COUNTERSIGN_OIDC_ISSUER: provider.issuer,
      COUNTERSIGN_OIDC_CLIENT_ID: provider.clientId,
      COUNTERSIGN_OIDC_CLIENT_SECRET: provider.clientSecret,
      COUNTERSIGN_OIDC_SCOPE: "openid email groups",
      COUNTERSIGN_OIDC_ROLES: "platform-owners=owner, platform=admin, acme-team=viewer@acme",
    },
  });
  await server.json("account", "create", "acme");
});

after(async () => {
  await server.stop();
  await provider.stop();
});

const isCallback = (url: URL) => url.pathname === CALLBACK;
const isConsole = (url: URL) => url.origin === console && !url.pathname.startsWith("/api/");

/** Runs a complete sign-in. @returns the page of the console at which the browser ends up */
async function signIn(browser = new RedirectingBrowser(), returnTo?: string) {
  const query = returnTo === undefined ? "" : `?return_to=${encodeURIComponent(returnTo)}`;
  const end = await browser.follow(console + SIGN_IN + query, isConsole);
  return { browser, end: end.slice(console.length), me: await whoIs(browser) };
}

async function whoIs(browser: RedirectingBrowser) {
  const cookie = browser.cookie(SESSION);
  if (cookie === undefined) return undefined;
  const answer = await fetch(`${console}/api/admin/v1/me`, { headers: { cookie: `${SESSION}=${cookie}` } });
  const { data } = (await answer.json()) as {
    data: {
      role: string;
      account: string | null;
      operator: { id: number; email: string };
      session: { method: string };
    };
  };
  return answer.status === 200 ? data : undefined;
}

const refusedAt = (end: string) => /^\/sign-in\?error=([a-z_]+)&request=([0-9a-z-]+)$/.exec(end);

/** The log's line about a refused sign-in. */
async function reasonOf(requestId: string | undefined): Promise<string> {
  return eventually("the log says why", () => {
    const line = server
      .stderr()
      .split("\n")
      .find((one) => one.includes("sign-in refused") && one.includes(`"${requestId}"`));
    return line === undefined ? undefined : (JSON.parse(line) as { reason: string }).reason;
  });
}

describe("an operator who signs in by single sign-on", () => {
  test("gets the role of their group, and returns to the page that they asked for", async () => {
    provider.user = { subject: "alice", email: "Alice@Example.com", email_verified: true, groups: ["platform-owners"] };
    const { browser, end, me } = await signIn(undefined, "/users?q=api#top");
    assert.equal(end, "/users?q=api#top");
    assert.deepEqual(
      [me?.role, me?.operator.email, me?.session.method],
      ["owner", "alice@example.com", "single_sign_on"],
    );
    assert.ok(!browser.cookieNames().some((name) => name.includes("single_sign_on")), "the flow's cookie is gone");
    const options = (await (await fetch(`${console}/api/admin/v1/sign-in/options`)).json()) as { data: object };
    assert.deepEqual(options.data, {
      setup_needed: false,
      passkeys: true,
      single_sign_on: { issuer: provider.issuer, name: "localhost" },
    });
  });

  test("gets another role when their groups change, and stays the same operator", async () => {
    provider.user = { subject: "bob", email: "bob@example.com", email_verified: true, groups: ["platform"] };
    const first = await signIn();
    assert.equal(first.me?.role, "admin");
    provider.user = { ...provider.user, groups: ["acme-team", "nothing"] };
    const second = await signIn();
    assert.deepEqual([second.me?.role, second.me?.account], ["viewer", "acme"]);
    assert.equal(second.me?.operator.id, first.me?.operator.id);
    assert.equal(await whoIs(first.browser), undefined, "the session with the higher role has ended");
    provider.user = { ...provider.user, groups: ["platform"] };
    assert.equal((await signIn()).me?.role, "admin");
  });

  test("is asked for credentials again for a change that needs a fresh sign-in, and may then make it", async () => {
    provider.user = { subject: "erin", email: "erin@example.com", email_verified: true, groups: ["platform-owners"] };
    const browser = new RedirectingBrowser();
    const asked = await browser.follow(`${console}${SIGN_IN}?fresh=true`, (url) => url.origin === provider.issuer);
    const { searchParams } = new URL(asked);
    assert.deepEqual([searchParams.get("prompt"), searchParams.get("max_age")], ["login", "0"]);
    await browser.follow(asked, isConsole);
    const invite = async (of: RedirectingBrowser) => {
      const answer = await fetch(`${console}/api/admin/v1/invitations`, {
        method: "POST",
        headers: {
          cookie: `${SESSION}=${of.cookie(SESSION)}`,
          origin: console,
          "content-type": "application/json",
        },
        body: JSON.stringify({ email: "erins-guest@example.com", role: "viewer" }),
      });
      return answer.status;
    };
    assert.equal(await invite(browser), 201);
    // A provider that wasn't asked for auth_time doesn't send it.
    assert.equal(await invite((await signIn()).browser), 403);
  });

  test("needs an ID token that verifies under the provider's published keys", () => {
    assert.ok(
      provider.asked.some((path) => path.startsWith("/jwks")),
      "the provider's keys were fetched",
    );
  });

  test("is refused without a group that has a role, and the log says why", async () => {
    provider.user = { subject: "carol", email: "carol@example.com", email_verified: true, groups: ["other"] };
    const { end, me } = await signIn();
    const [, code, request] = refusedAt(end) ?? [];
    assert.equal(code, "single_sign_on_failed");
    assert.equal(me, undefined);
    assert.match(await reasonOf(request), /^None of the groups/);
  });

  test("is refused with the address of an operator from another source", async () => {
    const invited = await server.json<{ link: string }>("operator", "invite", "dora@example.com", "--role", "admin");
    await fetch(`${console}/api/admin/v1/links/use`, {
      method: "POST",
      headers: { origin: console, "content-type": "application/json" },
      body: JSON.stringify({ token: new URL(invited.link).hash.slice(1), password: "correct horse battery staple" }),
    });
    provider.user = { subject: "dora", email: "dora@example.com", email_verified: true, groups: ["platform-owners"] };
    const [, code, request] = refusedAt((await signIn()).end) ?? [];
    assert.equal(code, "single_sign_on_failed");
    assert.match(await reasonOf(request), /belongs to an operator who signs in another way/);
  });

  test("is refused after declining at the provider, whose description is in no URL and no log", async () => {
    provider.user = undefined;
    const { browser, end } = await signIn();
    assert.equal(refusedAt(end)?.[1], "single_sign_on_failed");
    assert.doesNotMatch(end + server.stderr(), /nobody may see/);
    assert.equal(browser.cookie(SESSION), undefined);
  });
});

describe("an answer of the provider", () => {
  before(() => {
    provider.user = { subject: "alice", email: "alice@example.com", email_verified: true, groups: ["platform-owners"] };
  });

  /** Runs a sign-in up to the provider's answer, which isn't delivered. */
  async function answered(browser: RedirectingBrowser) {
    return new URL(await browser.follow(console + SIGN_IN, isCallback));
  }

  async function deliver(browser: RedirectingBrowser, url: URL) {
    const { status, location = "" } = await browser.visit(url.href);
    return { status, code: refusedAt(location.slice(console.length))?.[1], session: browser.cookie(SESSION), location };
  }

  test("is refused with another state, without one, or with two", async () => {
    for (const change of [
      (url: URL) => url.searchParams.set("state", "other"),
      (url: URL) => url.searchParams.delete("state"),
      (url: URL) => url.searchParams.append("state", "other"),
      (url: URL) => url.searchParams.set("iss", "https://evil.example"),
      (url: URL) => url.searchParams.set("code", "other"),
      (url: URL) => url.searchParams.delete("code"),
    ]) {
      const browser = new RedirectingBrowser();
      const url = await answered(browser);
      change(url);
      const { status, code, session } = await deliver(browser, url);
      const where = url.search.replace(/code=[^&]*/, "code=…");
      assert.equal(session, undefined, where);
      // What no browser sends by itself is refused before it is processed.
      assert.ok(code === "single_sign_on_failed" || status === 422, where);
    }
  });

  test("is refused in another browser than the one that began, and after that browser began another sign-in", async () => {
    const began = new RedirectingBrowser();
    const url = await answered(began);
    const other = new RedirectingBrowser();
    assert.deepEqual(await deliver(other, url).then(({ code, session }) => [code, session]), [
      "single_sign_on_failed",
      undefined,
    ]);
    const mallory = new RedirectingBrowser();
    await answered(mallory);
    assert.equal((await deliver(mallory, url)).session, undefined);
  });

  test("signs in once: the same answer again is refused, also with its cookie", async () => {
    const browser = new RedirectingBrowser();
    const url = await answered(browser);
    const kept = browser.cookie(FLOW) ?? "";
    const first = await deliver(browser, url);
    assert.ok(first.session);
    assert.equal((await deliver(browser, url)).code, "single_sign_on_failed");
    const again = await fetch(url, {
      redirect: "manual",
      headers: { cookie: `${FLOW}=${kept}` },
    });
    assert.match(again.headers.get("location") ?? "", /^\/sign-in\?error=single_sign_on_failed&/);
    assert.ok(!again.headers.getSetCookie().some((line) => line.startsWith(SESSION)));
  });

  test("needs the flow's cookie, which is HttpOnly and limited to one path", async () => {
    const started = await fetch(console + SIGN_IN, { redirect: "manual" });
    const [cookie = ""] = started.headers.getSetCookie();
    assert.match(
      cookie,
      /^countersign_single_sign_on_\d+=[^;]+; Max-Age=300; Path=\/api\/admin\/v1\/sign-in\/single-sign-on\/callback; HttpOnly; SameSite=Lax$/,
    );
    const asked = new URL(started.headers.get("location") ?? "");
    assert.equal(asked.searchParams.get("code_challenge_method"), "S256");
    assert.equal(asked.searchParams.get("redirect_uri"), console + CALLBACK);
    for (const name of ["state", "nonce", "code_challenge"])
      assert.ok((asked.searchParams.get(name) ?? "").length >= 43, name);
    // The proof that it is the same browser isn't in the URL.
    const flow = JSON.parse(Buffer.from(/=([^;]+)/.exec(cookie)?.[1] ?? "", "base64url").toString()) as {
      codeVerifier: string;
    };
    assert.ok(!asked.href.includes(flow.codeVerifier));
  });
});

test("the browser never ends up at a page outside of the console", async () => {
  provider.user = { subject: "alice", email: "alice@example.com", email_verified: true, groups: ["platform-owners"] };
  for (const returnTo of [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/.//evil.example",
    "/api/admin/v1/me",
  ]) {
    const { end, me } = await signIn(undefined, returnTo);
    assert.equal(end, "/", returnTo);
    assert.equal(me?.role, "owner");
  }
});

test("while the provider can't be reached, the sign-in says so, and everything else works", async () => {
  const adminPort = await reservePort();
  const down = await startIdentityProvider(() => [`http://localhost:${adminPort}${CALLBACK}`], "client_secret_post");
  down.user = { subject: "1", email: "first@example.com", groups: ["g"] };
  await down.stop();
  const other = await startServer({
    flags: ["--admin-port", String(adminPort)],
    env: {
      COUNTERSIGN_OIDC_ISSUER: down.issuer,
      COUNTERSIGN_OIDC_CLIENT_ID: down.clientId,
      COUNTERSIGN_OIDC_CLIENT_SECRET: down.clientSecret,
      COUNTERSIGN_OIDC_SCOPE: "openid email groups",
      COUNTERSIGN_OIDC_ROLES: "g=owner",
    },
  });
  const here = `http://localhost:${adminPort}`;
  const browser = new RedirectingBrowser();
  const isPage = (url: URL) => url.origin === here && !url.pathname.startsWith("/api/");
  const refused = await browser.follow(here + SIGN_IN, isPage);
  assert.match(refused, /\/sign-in\?error=unavailable&request=/);
  assert.equal((await fetch(`${other.adminUrl}/readyz`)).status, 200);

  await down.start();
  assert.equal(await browser.follow(here + SIGN_IN, isPage), `${here}/`, "it is asked again each time");
  assert.ok(browser.cookie(`countersign_session_${adminPort}`));

  // The provider goes away between the request and the answer.
  const late = new RedirectingBrowser();
  const answer = await late.follow(here + SIGN_IN, isCallback);
  await down.stop();
  const { location = "" } = await late.visit(answer);
  assert.match(location, /\/sign-in\?error=unavailable&request=/);
  assert.equal(late.cookie(`countersign_session_${adminPort}`), undefined);
  await other.stop();
});

test("no secret exchanged between browser, provider and server is in the log", () => {
  const log = server.stderr();
  assert.ok(log.includes("sign-in refused"));
  for (const hidden of [provider.clientSecret, "code=", "state=", "csse_", "code_verifier"]) {
    assert.ok(!log.includes(hidden), hidden);
  }
});
