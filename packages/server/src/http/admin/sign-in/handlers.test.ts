/** Sign-in and one-time links, through the real listener. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTestConsole, type TestConsole } from "../../../testing/test-console.ts";
import { ROOT, TEST_PASSWORD } from "../../../testing/test-operators.ts";
import { createSoftwareAuthenticator } from "../../../testing/software-authenticator.ts";

let console: TestConsole;

before(async () => {
  console = await startTestConsole();
});

after(() => console.close());

const invite = async (email: string) =>
  (await console.changes.invite(ROOT, { email, role: "admin", account: null })).secret;

describe("the set-up link", () => {
  test("is available while there is no operator, signs the first owner in, and is then void", async () => {
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
    assert.equal(
      await ask("console.internal"),
      true,
      "a proxy may have changed the host: the console's own address counts",
    );
  });
});

describe("a refused sign-in", () => {
  /** The whole answer, without the request's id and the time. */
  const seen = (answer: Awaited<ReturnType<TestConsole["ask"]>>) => {
    const { "x-request-id": _, date: __, ...headers } = answer.headers;
    return { status: answer.status, headers, body: answer.body };
  };

  test("has the same bytes whatever is wrong: unknown address, wrong password, no password, deactivated operator", async () => {
    await console.signUp("known@example.com", "viewer");
    const link = await invite("passkey@example.com");
    const { json } = await console.ask("POST", "/links/passkey/options", { token: link });
    const response = createSoftwareAuthenticator().create(json.data.options, console.origin);
    const used = await console.ask("POST", "/links/use", { token: link, passkey: { response } });
    assert.equal(used.status, 200, used.body);
    await console.signUp("off@example.com", "viewer");
    const off = await console.registry.store.operators.findByEmail("off@example.com");
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

  test("is logged with its request's id, and without anything that was sent", async () => {
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

  test("counts against the client's address: beyond the limit, sign-in and links are refused", async () => {
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

  test("for one e-mail address ten times refuses even the right password, with the time to wait", async () => {
    await console.signUp("tried@example.com", "viewer");
    const attempt = (password: string) =>
      console.ask("POST", "/sign-in/password", { email: "tried@example.com", password });
    for (let count = 0; count < 10; count++) assert.equal((await attempt("wrong")).code, "sign_in_rejected");
    const refused = await attempt(TEST_PASSWORD);
    assert.deepEqual([refused.status, refused.code, refused.headers["retry-after"]], [429, "rate_limited", "900"]);
  });
});

describe("sign-in by passkey", () => {
  test("works from making the passkey with a link to signing in with it alone", async () => {
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

  test("is for the page that asked: an answer from another page of this machine is refused", async () => {
    const token = await invite("page@example.com");
    const creation = await console.ask("POST", "/links/passkey/options", { token });
    const response = createSoftwareAuthenticator().create(creation.json.data.options, "http://localhost:1");
    const used = await console.ask("POST", "/links/use", { token, passkey: { response } });
    assert.deepEqual([used.status, used.code], [422, "field_invalid"]);
    assert.equal(used.json.meta.errors[0].field, "/response");
  });

  test("is refused at an IP address, with the address at which it works", async () => {
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
