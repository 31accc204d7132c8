/** Signing command lines in, through the real listener. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FRESH_MS } from "../../../core/operators/sessions.ts";
import { startTestConsole, type TestConsole } from "../../../testing/test-console.ts";

let console: TestConsole;
let cookie: string;

before(async () => {
  console = await startTestConsole();
  cookie = await console.signUp("ada@example.com", "admin");
});

after(() => console.close());

/** As a program asks: without an origin or a cookie. */
const program = (path: string, body: unknown, token?: string, method = "POST") =>
  console.ask(method, path, body, {
    origin: null,
    ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
  });
const start = async (hostName = "laptop") =>
  (await program("/device-sign-ins", { host_name: hostName })).json.data as {
    device_code: string;
    user_code: string;
    verification_uri: string;
  };
const collect = (code: string) => program("/device-sign-ins/token", { device_code: code });
const decide = (what: "look" | "approve" | "deny", body: object, as = cookie) =>
  console.ask("POST", `/device-sign-ins/${what}`, body, { cookie: as });

describe("a command line", () => {
  test("is signed in by the console, works as its token allows, and signs itself out", async () => {
    const started = await start();
    assert.equal(started.verification_uri, `${console.origin}/device`);
    const pending = await collect(started.device_code);
    assert.deepEqual([pending.status, pending.json.data.status], [200, "authorization_pending"]);
    assert.deepEqual(new Set(Object.values(pending.json.data)), new Set(["authorization_pending", null]));
    const seen = await decide("look", { user_code: started.user_code });
    assert.deepEqual([seen.json.data.host_name, seen.json.data.address], ["laptop", "127.0.0.1"]);
    assert.equal((await decide("approve", { user_code: started.user_code, role: "owner" })).code, "forbidden");
    const approved = await decide("approve", { user_code: started.user_code, role: "viewer", life_seconds: 3600 });
    assert.equal(approved.status, 200, approved.body);
    console.clock.advanceSeconds(5);
    const { data } = (await collect(started.device_code)).json;
    assert.deepEqual(
      [data.status, data.operator, data.role, data.account],
      ["signed_in", "ada@example.com", "viewer", null],
    );
    const me = await program("/me", undefined, data.token, "GET");
    assert.equal(me.json.data.actor, `admin-token:${data.name}`);
    assert.deepEqual(me.json.data.token, {
      name: data.name,
      operator: "ada@example.com",
      host_name: "laptop",
      expires_at: data.expires_at,
    });
    const listed = await console.ask("GET", "/me/command-lines", undefined, { cookie });
    assert.deepEqual(
      listed.json.data.map((one: { name: string; host_name: string }) => [one.name, one.host_name]),
      [[data.name, "laptop"]],
    );
    assert.equal((await program("/me/token", undefined, data.token, "DELETE")).status, 200);
    assert.equal((await program("/me", undefined, data.token, "GET")).status, 401);
    assert.deepEqual((await console.ask("GET", "/me/command-lines", undefined, { cookie })).json.data, []);
    assert.equal(console.log().includes(started.device_code) || console.log().includes(data.token), false);
  });

  test("needs an approval by a fresh sign-in; to look and to deny any session will do", async () => {
    const { user_code, device_code } = await start();
    const stale = await console.signUp("stale@example.com", "admin");
    console.clock.advanceSeconds(FRESH_MS / 1000);
    const body = { user_code };
    assert.equal((await decide("approve", { ...body, role: "viewer" }, stale)).code, "fresh_sign_in_required");
    assert.equal((await decide("look", body, stale)).status, 200);
    assert.equal((await decide("deny", body, stale)).status, 200);
    assert.equal((await collect(device_code)).json.data.status, "access_denied");
  });

  test("is asked for by no page elsewhere, and approved by no admin token", async () => {
    for (const origin of ["https://evil.example", "null"]) {
      const answer = await console.ask("POST", "/device-sign-ins", { host_name: "x" }, { origin });
      assert.deepEqual([answer.status, answer.code], [403, "origin_refused"]);
    }
    const { user_code, device_code } = await start();
    cookie = await console.signUp("fresh@example.com", "owner");
    await decide("approve", { user_code, role: "owner" });
    const { token } = (await collect(device_code)).json.data;
    const other = await start();
    const byToken = await program("/device-sign-ins/approve", { user_code: other.user_code, role: "viewer" }, token);
    assert.deepEqual([byToken.status, byToken.code], [403, "forbidden"]);
  });

  test("is signed out by its operator, and by no other one", async () => {
    const { user_code, device_code } = await start();
    const mine = await console.signUp("mine@example.com", "viewer");
    const foreign = await console.signUp("foreign@example.com", "owner");
    await decide("approve", { user_code, role: "viewer" }, mine);
    const { token } = (await collect(device_code)).json.data;
    const [{ id }] = (await console.ask("GET", "/me/command-lines", undefined, { cookie: mine })).json.data;
    const signOut = (as: string) => console.ask("DELETE", `/me/command-lines/${id}`, undefined, { cookie: as });
    assert.equal((await signOut(foreign)).status, 404);
    assert.equal((await program("/me", undefined, token, "GET")).status, 200);
    assert.equal((await signOut(mine)).status, 200);
    assert.equal((await program("/me", undefined, token, "GET")).status, 401);
  });

  test("sends what it must: a name, and codes of a bounded length", async () => {
    for (const body of [undefined, {}, { host_name: 1 }, { host_name: "x".repeat(2000) }, { host_name: "\n" }]) {
      const { status } = await program("/device-sign-ins", body);
      assert.ok(status === 422 || status === 400, `${JSON.stringify(body)}: ${status}`);
    }
    for (const body of [{}, { device_code: "" }, { device_code: ["x"] }, { device_code: "x".repeat(501) }]) {
      assert.equal((await program("/device-sign-ins/token", body)).status, 422);
    }
    const wrong = await decide("look", { user_code: "BBBB-BBBB" });
    assert.deepEqual([wrong.status, wrong.json.meta.errors[0].field], [422, "/user_code"]);
  });
});

test("guesses at codes count against the client's address", async () => {
  const strict = await startTestConsole({ refusalLimit: 5 });
  const ask = () => strict.ask("POST", "/device-sign-ins/token", { device_code: "csdc_x" }, { origin: null });
  for (let at = 0; at < 5; at++) assert.equal((await ask()).json.data.status, "expired_token");
  assert.equal((await ask()).code, "rate_limited");
  await strict.close();
});
