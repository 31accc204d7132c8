/** Sign-in, one-time links and what operators change of themselves, through the real listener. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTestConsole, type TestConsole } from "../../../testing/test-console.ts";
import { ROOT, TEST_PASSWORD } from "../../../testing/test-operators.ts";
import { createSoftwareAuthenticator } from "../../../testing/software-authenticator.ts";

const NEW_PASSWORD = "seven purple otters juggle";

let console: TestConsole;

before(async () => {
  console = await startTestConsole();
});

after(() => console.close());

const invite = async (email: string) =>
  (await console.changes.invite(ROOT, { email, role: "admin", account: null })).secret;

describe("the set-up link", () => {
  test("is asked for while there is nobody, lets the first owner in, and is then no more", async () => {
    const fresh = await startTestConsole();
    const options = await fresh.ask("GET", "/sign-in/options");
    assert.deepEqual(options.json.data, { setup_needed: true, passkeys: true, single_sign_on: null });
    const made = await fresh.changes.makeSetupLink("system");
    const token = made?.secret ?? "";
    const look = await fresh.ask("POST", "/links/look", { token });
    assert.equal(look.json.data.kind, "setup");
    assert.equal(look.json.data.email, null);
    const used = await fresh.ask("POST", "/links/use", { token, email: "first@example.com", password: TEST_PASSWORD });
    assert.equal(used.status, 200, used.body);
    assert.equal(used.json.data.recovery_codes.length, 10);
    const me = await fresh.ask("GET", "/me", undefined, { cookie: used.cookie });
    assert.equal(me.json.data.role, "owner");
    assert.equal((await fresh.ask("GET", "/sign-in/options")).json.data.setup_needed, false);
    const again = await fresh.ask("POST", "/links/use", { token, email: "b@example.com", password: TEST_PASSWORD });
    assert.deepEqual([again.status, again.code], [403, "link_invalid"]);
    await fresh.close();
  });
});

describe("the sign-in options", () => {
  test("say that passkeys don't work at an IP address, and do at the machine's name", async () => {
    const ask = async (host: string) =>
      (await console.ask("GET", "/sign-in/options", undefined, { origin: null, headers: { Host: host } })).json.data
        .passkeys;
    const port = new URL(console.origin).port;
    assert.equal(await ask(`localhost:${port}`), true);
    assert.equal(await ask(`127.0.0.1:${port}`), false);
    assert.equal(await ask("console.internal"), true, "a proxy may have changed it: the console's own address counts");
  });
});

describe("a session's cookie", () => {
  test("is for this host alone, out of scripts' and other sites' reach, and another one at each sign-in", async () => {
    await console.signUp("cookie@example.com", "viewer");
    const signIn = () =>
      console.ask("POST", "/sign-in/password", { email: "cookie@example.com", password: TEST_PASSWORD });
    const first = await signIn();
    assert.equal(first.status, 200, first.body);
    assert.match(
      first.headers["set-cookie"] ?? "",
      /^countersign_session_\d+=csse_[0-9A-Za-z]{49}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    assert.notEqual((await signIn()).cookie, first.cookie);
    assert.equal(first.json.data.operator.email, "cookie@example.com");
    assert.equal(first.headers["cache-control"], "no-store");
  });

  test("has the console's port in its name: two consoles on one machine don't sign each other out", async () => {
    const second = await startTestConsole();
    const jar = new Map<string, string>();
    for (const [one, email] of [
      [console, "one@example.com"],
      [second, "two@example.com"],
    ] as const) {
      const [name = "", value = ""] = (await one.signUp(email, "viewer")).split("=");
      jar.set(name, value);
    }
    // As browsers send them: each console gets both.
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    for (const [one, email] of [
      [console, "one@example.com"],
      [second, "two@example.com"],
    ] as const) {
      assert.equal((await one.ask("GET", "/me", undefined, { cookie })).json.data.operator.email, email);
    }
    await second.close();
  });

  test("of another operator than the page's answers nothing: no change is made under another name", async () => {
    const cookie = await console.signUp("whose-page@example.com", "viewer");
    const { id } = (await console.ask("GET", "/me", undefined, { cookie })).json.data.operator;
    const ask = (operator: string) =>
      console.ask("DELETE", "/me/sessions", undefined, { cookie, headers: { "Countersign-Operator": operator } });
    assert.equal((await ask(String(id))).status, 200);
    for (const other of [String(id + 1), "", `${id},${id}`]) {
      const refused = await ask(other);
      assert.equal(refused.status, 401, other);
      assert.equal(refused.code, "sign_in_required");
    }
  });

  test("is a __Host- cookie for encrypted connections alone where the console is reached by them", async () => {
    const secure = await startTestConsole({ adminUrl: "https://console.example" });
    const cookie = await secure.signUp("a@example.com", "owner");
    assert.match(cookie, /^__Host-countersign_session_443=/);
    const { secret } = await secure.changes.invite(ROOT, { email: "b@example.com", role: "owner", account: null });
    const used = await secure.ask("POST", "/links/use", { token: secret, password: TEST_PASSWORD });
    assert.match(used.headers["set-cookie"] ?? "", /; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    assert.equal((await secure.ask("GET", "/me", undefined, { cookie })).status, 200);
    const insecure = cookie.replace("__Host-", "");
    assert.equal((await secure.ask("GET", "/me", undefined, { cookie: insecure })).status, 401);
    await secure.close();
  });

  test("is cleared at sign-out, and its session is over for whoever kept it", async () => {
    const cookie = await console.signUp("out@example.com", "viewer");
    const out = await console.ask("DELETE", "/me/session", undefined, { cookie });
    assert.equal(out.status, 200, out.body);
    assert.match(out.headers["set-cookie"] ?? "", /^countersign_session_\d+=; Max-Age=0; Path=\/;/);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie })).status, 401);
  });
});

describe("a refused sign-in", () => {
  /** All that leaves, but for the request's id and the time. */
  const seen = (answer: Awaited<ReturnType<TestConsole["ask"]>>) => {
    const { "x-request-id": _, date: __, ...headers } = answer.headers;
    return { status: answer.status, headers, body: answer.body };
  };

  test("is the same bytes, whatever is wrong: nobody of that address, a wrong password, none, switched off", async () => {
    await console.signUp("known@example.com", "viewer");
    const link = await invite("passkey@example.com");
    const { json } = await console.ask("POST", "/links/passkey/options", { token: link });
    const response = createSoftwareAuthenticator().create(json.data.options, console.origin);
    const used = await console.ask("POST", "/links/use", { token: link, passkey: { response } });
    assert.equal(used.status, 200, used.body);
    await console.signUp("off@example.com", "viewer");
    const off = await console.registry.store.findOperatorByEmail("off@example.com");
    await console.changes.change(ROOT, off?.id as never, { status: "deactivated" });
    const attempts = [];
    for (const [email, password] of [
      ["nobody@example.com", TEST_PASSWORD],
      ["no address", TEST_PASSWORD],
      ["known@example.com", "wrong horse battery staple"],
      ["passkey@example.com", TEST_PASSWORD],
      ["off@example.com", TEST_PASSWORD],
    ]) {
      attempts.push(seen(await console.ask("POST", "/sign-in/password", { email, password })));
    }
    for (const attempt of attempts) assert.deepEqual(attempt, attempts[0]);
    assert.equal(attempts[0]?.status, 403);
    assert.equal(attempts[0]?.headers["www-authenticate"], undefined);
    const codes = [];
    for (const email of ["nobody@example.com", "known@example.com", "off@example.com"]) {
      codes.push(seen(await console.ask("POST", "/sign-in/recovery-code", { email, code: "0000-0000-0000-0000" })));
    }
    for (const code of codes) assert.deepEqual(code, codes[0]);
  });

  test("is logged with its request's id, and nothing of what was sent", async () => {
    const answer = await console.ask("POST", "/sign-in/password", {
      email: "logged@example.com",
      password: "a password that must not be logged",
    });
    const line = console
      .log()
      .split("\n")
      .find((one) => one.includes("sign-in refused") && one.includes(answer.headers["x-request-id"] ?? "-"));
    assert.match(line ?? "", /"code":"sign_in_rejected"/);
    assert.doesNotMatch(console.log(), /must not be logged|logged@example/);
  });

  test("counts against the client's address: beyond the limit everything about sign-in and links is refused", async () => {
    const limited = await startTestConsole({ refusalLimit: 3 });
    const bad = () => limited.ask("POST", "/links/look", { token: "csiv_nothing" });
    for (let count = 0; count < 3; count++) assert.equal((await bad()).code, "link_invalid");
    for (const [path, body] of [
      ["/links/look", { token: "x" }],
      ["/links/use", { token: "x", password: TEST_PASSWORD }],
      ["/links/passkey/options", { token: "x" }],
      ["/sign-in/password", { email: "a@example.com", password: TEST_PASSWORD }],
      ["/sign-in/recovery-code", { email: "a@example.com", code: "x" }],
      ["/sign-in/passkey/options", undefined],
      ["/sign-in/passkey", { response: {} }],
    ] as const) {
      const answer = await limited.ask("POST", path, body);
      assert.equal(answer.code, "rate_limited", path);
      assert.ok(Number(answer.headers["retry-after"]) > 0);
    }
    limited.clock.advanceSeconds(60);
    assert.equal((await bad()).code, "link_invalid");
    await limited.close();
  });

  test("of one address ten times refuses the right password too, with the time to wait", async () => {
    await console.signUp("tried@example.com", "viewer");
    const attempt = (password: string) =>
      console.ask("POST", "/sign-in/password", { email: "tried@example.com", password });
    for (let count = 0; count < 10; count++) assert.equal((await attempt("wrong")).code, "sign_in_rejected");
    const refused = await attempt(TEST_PASSWORD);
    assert.deepEqual([refused.status, refused.code, refused.headers["retry-after"]], [429, "rate_limited", "900"]);
  });
});

describe("sign-in by passkey", () => {
  test("works from making it with a link to signing in with it alone", async () => {
    const token = await invite("device@example.com");
    const authenticator = createSoftwareAuthenticator();
    const creation = await console.ask("POST", "/links/passkey/options", { token });
    const response = authenticator.create(creation.json.data.options, console.origin);
    const used = await console.ask("POST", "/links/use", { token, passkey: { response, label: "My phone" } });
    assert.equal(used.status, 200, used.body);
    const asked = await console.ask("POST", "/sign-in/passkey/options");
    const answer = authenticator.get(asked.json.data.options, console.origin);
    const signedIn = await console.ask("POST", "/sign-in/passkey", { response: answer });
    assert.equal(signedIn.status, 200, signedIn.body);
    assert.equal(signedIn.json.data.session.method, "passkey");
    const replayed = await console.ask("POST", "/sign-in/passkey", { response: answer });
    assert.deepEqual([replayed.status, replayed.code], [403, "sign_in_rejected"]);
  });

  test("is for the page that asked: an answer from another of this machine's pages is refused", async () => {
    const token = await invite("page@example.com");
    const creation = await console.ask("POST", "/links/passkey/options", { token });
    const response = createSoftwareAuthenticator().create(creation.json.data.options, "http://localhost:1");
    const used = await console.ask("POST", "/links/use", { token, passkey: { response } });
    assert.deepEqual([used.status, used.code], [422, "field_invalid"]);
    assert.equal(used.json.meta.errors[0].field, "/response");
  });

  test("doesn't work at an IP address, which the refusal says, with the address where it does", async () => {
    const origin = console.origin.replace("localhost", "127.0.0.1");
    for (const [path, body] of [
      ["/sign-in/passkey/options", undefined],
      ["/sign-in/passkey", { response: {} }],
      ["/links/passkey/options", { token: await invite("ip@example.com") }],
    ] as const) {
      const answer = await console.ask("POST", path, body, { origin });
      assert.deepEqual([answer.status, answer.code], [409, "conflict"], path);
      assert.ok(answer.json.meta.errors[0].hint.includes(console.origin));
    }
  });
});

describe("oneself", () => {
  test("sees who one is, and not a hash of anything", async () => {
    const cookie = await console.signUp("me@example.com", "admin", "acme");
    const { json, body } = await console.ask("GET", "/me", undefined, { cookie });
    assert.equal(json.data.actor, "operator:me@example.com");
    assert.deepEqual([json.data.role, json.data.account], ["admin", "acme"]);
    assert.deepEqual(
      [json.data.operator.has_password, json.data.operator.passkeys, json.data.operator.recovery_codes],
      [true, 0, 10],
    );
    assert.equal(json.data.session.current, true);
    assert.doesNotMatch(body, /argon2|csse_|secret/);
  });

  test("changes the password, which ends the other sessions", async () => {
    const cookie = await console.signUp("password@example.com", "viewer");
    const signIn = (password: string) =>
      console.ask("POST", "/sign-in/password", { email: "password@example.com", password });
    const other = await signIn(TEST_PASSWORD);
    const change = (body: object) => console.ask("PUT", "/me/password", body, { cookie });
    const wrong = await change({ current_password: "wrong", new_password: NEW_PASSWORD });
    assert.deepEqual(
      [wrong.status, wrong.code, wrong.json.meta.errors[0].field],
      [403, "sign_in_rejected", "/current_password"],
    );
    const missing = await change({ new_password: NEW_PASSWORD });
    assert.deepEqual([missing.status, missing.json.meta.errors[0].field], [422, "/current_password"]);
    const short = await change({ current_password: TEST_PASSWORD, new_password: "short" });
    assert.deepEqual([short.status, short.json.meta.errors[0].field], [422, "/new_password"]);
    assert.equal((await change({ current_password: TEST_PASSWORD, new_password: NEW_PASSWORD })).status, 200);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: other.cookie })).status, 401);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie })).status, 200);
    assert.equal((await signIn(NEW_PASSWORD)).status, 200);
  });

  test("adds, lists and removes passkeys, and renews recovery codes", async () => {
    const cookie = await console.signUp("keys@example.com", "viewer");
    const { json } = await console.ask("POST", "/me/passkeys/options", undefined, { cookie });
    const response = createSoftwareAuthenticator().create(json.data.options, console.origin);
    const added = await console.ask("POST", "/me/passkeys", { response }, { cookie });
    assert.equal(added.json.data.label, "This device");
    const list = await console.ask("GET", "/me/passkeys", undefined, { cookie });
    assert.deepEqual(list.json.data, [added.json.data]);
    assert.equal(list.json.meta.count, 1);
    const { id } = added.json.data;
    assert.equal((await console.ask("DELETE", `/me/passkeys/${id}`, undefined, { cookie })).status, 200);
    assert.equal((await console.ask("DELETE", `/me/passkeys/${id}`, undefined, { cookie })).status, 404);
    const codes = await console.ask("POST", "/me/recovery-codes", undefined, { cookie });
    const [code] = codes.json.data.recovery_codes;
    const signedIn = await console.ask("POST", "/sign-in/recovery-code", { email: "keys@example.com", code });
    assert.equal(signedIn.status, 200, signedIn.body);
    assert.equal(signedIn.json.data.operator.recovery_codes, 9);
  });

  test("sees where one is signed in, and ends one session or all others", async () => {
    const cookie = await console.signUp("sessions@example.com", "viewer");
    const signIn = () =>
      console.ask("POST", "/sign-in/password", { email: "sessions@example.com", password: TEST_PASSWORD });
    const [second] = [await signIn(), await signIn(), await signIn()];
    const list = async () => (await console.ask("GET", "/me/sessions", undefined, { cookie })).json.data;
    assert.deepEqual(
      (await list()).map(({ current }: { current: boolean }) => current),
      [false, false, false, true],
    );
    const { id } = second.json.data.session;
    assert.equal((await console.ask("DELETE", `/me/sessions/${id}`, undefined, { cookie })).status, 200);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: second.cookie })).status, 401);
    assert.equal((await console.ask("DELETE", "/me/sessions", undefined, { cookie })).status, 200);
    assert.equal((await list()).length, 1);
    const mine = (await list())[0].id;
    const ended = await console.ask("DELETE", `/me/sessions/${mine}`, undefined, { cookie });
    assert.match(ended.headers["set-cookie"] ?? "", /^countersign_session_\d+=;/);
  });

  test("that is a program has no password, passkeys or sessions", async () => {
    const { secret } = await console.changes.createAdminToken(ROOT, {
      name: "program",
      role: "owner",
      account: null,
      expiry: "never",
    });
    const headers = { Authorization: `Bearer ${secret}` };
    const me = await console.ask("GET", "/me", undefined, { origin: null, headers });
    assert.deepEqual([me.json.data.kind, me.json.data.operator, me.json.data.session], ["admin_token", null, null]);
    for (const [method, path] of [
      ["DELETE", "/me/session"],
      ["GET", "/me/passkeys"],
      ["POST", "/me/recovery-codes"],
      ["GET", "/me/sessions"],
    ] as const) {
      const answer = await console.ask(method, path, undefined, { origin: null, headers });
      assert.deepEqual([answer.status, answer.code], [403, "forbidden"], path);
    }
  });
});
