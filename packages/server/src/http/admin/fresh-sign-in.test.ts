/** What a stolen session alone can't do, through the real listener. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FRESH_MS } from "../../core/operators/sessions.ts";
import { createSoftwareAuthenticator } from "../../testing/software-authenticator.ts";
import { startTestConsole, type TestConsole } from "../../testing/test-console.ts";
import { TEST_PASSWORD } from "../../testing/test-operators.ts";
import type { AdminRoute } from "./http/route.ts";
import { ADMIN_ROUTES } from "./routes.ts";

const EMAIL = "owner@example.com";

/**
 * The routes that make or change a credential, an operator, an admin token or the signing keys. Written down
 * independently of the product's table.
 */
const FRESH = [
  ["POST", "/me/passkeys/options"],
  ["POST", "/me/passkeys", { response: {} }],
  ["DELETE", "/me/passkeys/1"],
  ["POST", "/me/recovery-codes"],
  ["POST", "/signing-keys"],
  ["PATCH", "/signing-keys/1", { status: "retired" }],
  ["PATCH", "/operators/1", { role: "admin" }],
  ["POST", "/operators/1/reset"],
  ["POST", "/invitations", { email: "thief@example.com", role: "owner" }],
  ["POST", "/admin-tokens", { name: "thief", role: "owner", expires_at: "never" }],
  ["POST", "/device-sign-ins/approve", { user_code: "BBBB-BBBB", role: "owner" }],
] as const;

describe("a session whose sign-in is older than five minutes", () => {
  let console: TestConsole;
  before(async () => {
    console = await startTestConsole();
    await console.signUp(EMAIL, "owner");
  });
  after(() => console.close());

  const signIn = (previous?: string) =>
    console.ask("POST", "/sign-in/password", { email: EMAIL, password: TEST_PASSWORD }, { cookie: previous });

  test("can read and revoke, and can't make anything that would outlive it", async () => {
    const { cookie: old } = await signIn();
    console.clock.advanceSeconds(FRESH_MS / 1000);
    for (const [method, path, body] of FRESH) {
      const refused = await console.ask(method, path, body, { cookie: old });
      assert.deepEqual([refused.status, refused.code], [403, "fresh_sign_in_required"], `${method} ${path}`);
    }
    assert.equal((await console.ask("GET", "/operators", undefined, { cookie: old })).status, 200);
    assert.equal((await console.ask("DELETE", "/me/sessions", undefined, { cookie: old })).status, 200);
    assert.deepEqual((await console.ask("GET", "/admin-tokens", undefined, { cookie: old })).json.data, []);
  });

  test("is determined to the millisecond", async () => {
    const { cookie: one } = await signIn();
    const renew = () => console.ask("POST", "/me/recovery-codes", undefined, { cookie: one });
    console.clock.advanceSeconds(FRESH_MS / 1000 - 0.001);
    assert.equal((await renew()).status, 200);
    console.clock.advanceSeconds(0.001);
    assert.equal((await renew()).code, "fresh_sign_in_required");
  });

  test("counts as old under a clock that went back", async () => {
    const { cookie: one } = await signIn();
    console.clock.advanceSeconds(-FRESH_MS / 1000);
    assert.equal(
      (await console.ask("POST", "/me/recovery-codes", undefined, { cookie: one })).code,
      "fresh_sign_in_required",
    );
    console.clock.advanceSeconds(FRESH_MS / 1000);
  });

  test("is ended by a new sign-in of its operator in the same browser, and another operator's isn't", async () => {
    const first = (await signIn()).cookie;
    const other = await console.signUp("other@example.com", "viewer");
    const second = await signIn(`${first}; ${other}`);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: first })).status, 401);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: second.cookie })).status, 200);
    await signIn(other);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: other })).status, 200);
  });

  test("may set a new password with the current one, and not where there is none", async () => {
    const { cookie: one } = await signIn();
    console.clock.advanceSeconds(FRESH_MS / 1000);
    const change = { current_password: TEST_PASSWORD, new_password: TEST_PASSWORD };
    assert.equal((await console.ask("PUT", "/me/password", change, { cookie: one })).status, 200);

    const { secret } = await console.changes.invite(
      { actor: "test", role: "owner", accountId: null, account: null },
      { email: "passkey@example.com", role: "viewer", account: null },
    );
    const creation = await console.ask("POST", "/links/passkey/options", { token: secret });
    const response = createSoftwareAuthenticator().create(creation.json.data.options, console.origin);
    const used = await console.ask("POST", "/links/use", { token: secret, passkey: { response } });
    const set = () => console.ask("PUT", "/me/password", { new_password: TEST_PASSWORD }, { cookie: used.cookie });
    console.clock.advanceSeconds(FRESH_MS / 1000);
    assert.equal((await set()).code, "fresh_sign_in_required");
    console.clock.advanceSeconds(-1);
    assert.equal((await set()).status, 200);
  });

  test("and an admin token can't make an operator, whose sign-in would outlive it", async () => {
    const fresh = (await signIn()).cookie;
    const made = await console.ask("POST", "/admin-tokens", { name: "ci", role: "owner" }, { cookie: fresh });
    const { id } = (await console.ask("GET", "/operators?q=other", undefined, { cookie: fresh })).json.data[0];
    const program = (method: string, path: string, body?: unknown) =>
      console.ask(method, path, body, {
        origin: null,
        headers: { Authorization: `Bearer ${made.json.data.token}` },
      });
    for (const [method, path, body] of [
      ["POST", "/invitations", { email: "thief@example.com", role: "viewer" }],
      ["POST", `/operators/${id}/reset`, undefined],
      ["PATCH", `/operators/${id}`, { role: "owner" }],
      ["PATCH", `/operators/${id}`, { account: "acme" }],
      ["POST", "/admin-tokens", { name: "endless", role: "owner", expires_at: "never" }],
    ] as const) {
      const refused = await program(method, path, body);
      assert.deepEqual([refused.status, refused.code], [403, "forbidden"], `${method} ${path}`);
    }
    assert.equal((await program("PATCH", `/operators/${id}`, { status: "deactivated" })).status, 200);
    assert.equal((await program("PATCH", `/operators/${id}`, { status: "active" })).code, "forbidden");
    assert.equal((await program("POST", "/admin-tokens", { name: "short", role: "viewer" })).status, 201);
  });

  test("is refused by exactly those routes", () => {
    const fresh = Object.values<AdminRoute>(ADMIN_ROUTES).filter((route) => route.fresh === true);
    const paths = fresh.map(({ method, path }) => `${method} ${path}`);
    const written = FRESH.map(([method, path]) =>
      `${method} ${path}`.replace("signing-keys/1", "signing-keys/:number").replace("/1", "/:id"),
    );
    assert.deepEqual(paths.toSorted(), written.toSorted());
  });
});
