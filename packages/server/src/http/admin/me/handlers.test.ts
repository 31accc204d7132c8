/** What operators change about themselves, through the real listener. */
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

describe("the signed-in operator", () => {
  test("sees its own operator, without any hash", async () => {
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

  test("sees the operator's sessions, and ends one or all others", async () => {
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

  test("with an admin token has no password, passkeys or sessions", async () => {
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
