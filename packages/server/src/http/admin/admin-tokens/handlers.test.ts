/** Admin tokens, through the real listener. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startOwnersConsole } from "../../../testing/test-console.ts";

const { console, ask } = await startOwnersConsole();
after(() => console.close());

describe("an admin token", () => {
  test("is made once, shown once, and works until it is revoked", async () => {
    const expiresAt = new Date(console.clock.nowMicroseconds() / 1000 + 30 * 86_400_000).toISOString();
    const create = () =>
      ask(
        "POST",
        "/admin-tokens",
        { name: "deploy", role: "owner", expires_at: expiresAt },
        { "Idempotency-Key": "token-1" },
      );
    const made = await create();
    assert.equal(made.status, 201, made.body);
    assert.equal(made.json.data.expires_at, expiresAt);
    const again = await create();
    assert.deepEqual([again.json.data.token, again.json.meta.warnings[0].code], [null, "secret_not_repeated"]);
    const headers = { Authorization: `Bearer ${made.json.data.token}` };
    const program = (method: string, path: string, body?: unknown) =>
      console.ask(method, path, body, { origin: null, headers });
    assert.equal((await program("GET", "/me")).json.data.actor, "admin-token:deploy");
    const byProgram = await program("POST", "/admin-tokens", { name: "by-program", role: "viewer" });
    assert.equal(byProgram.json.data.created_by, "admin-token:deploy");
    const list = await ask("GET", "/admin-tokens");
    assert.deepEqual(list.json.data.map(({ name }: { name: string }) => name).slice(0, 2), ["by-program", "deploy"]);
    assert.doesNotMatch(list.body, /csat_/);
    const revoked = await ask("DELETE", `/admin-tokens/${made.json.data.id}`);
    assert.equal(revoked.json.data.status, "revoked");
    assert.equal((await program("GET", "/me")).status, 401);
    assert.equal((await ask("DELETE", "/admin-tokens/99999")).status, 404);
  });

  test("is shown once, even while the node can't confirm its view, which holds no admin token", async (context) => {
    const { events } = console.registry.store;
    context.mock.method(events, "after", () => Promise.reject(new Error("the store can't be read")));
    const made = await ask("POST", "/admin-tokens", { name: "unconfirmed", role: "viewer" });
    assert.deepEqual([made.status, made.json.data.token.startsWith("csat_")], [201, true], made.body);
    const account = await ask("POST", "/accounts", { shortname: "unconfirmed" });
    assert.equal(account.status, 503, "a change that the view has to know is acknowledged only once it does");
  });

  test("is refused with an error for each wrong field", async () => {
    for (const [body, field] of [
      [{ name: "No", role: "viewer" }, "/name"],
      [{ name: "a", role: "viewer", expires_at: "2001-01-01T00:00:00Z" }, "/expires_at"],
      [{ name: "a", role: "viewer", expires_at: "tomorrow" }, "/expires_at"],
      [{ name: "a", role: "viewer", expires_at: "2100-01-01T00:00:00Z" }, "/expires_at"],
      [{ name: "a", role: "viewer", account: "nowhere" }, "/account"],
    ] as const) {
      const answer = await ask("POST", "/admin-tokens", body);
      assert.deepEqual([answer.status, answer.json.meta.errors[0].field], [422, field], answer.body);
    }
  });
});

test("an admin token expires unless its request says never explicitly", async () => {
  const expiryOf = async (body: object) =>
    (await ask("POST", "/admin-tokens", { role: "viewer", ...body })).json.data.expires_at;
  const usual = new Date(console.clock.nowMicroseconds() / 1000 + 90 * 86_400_000).toISOString();
  assert.equal(await expiryOf({ name: "usual" }), usual);
  // As clients send a member that they leave open.
  assert.equal(await expiryOf({ name: "open", expires_at: null }), usual);
  assert.equal(await expiryOf({ name: "endless", expires_at: "never" }), null);
});
