/** Operators, invitations and admin tokens, through the real listener. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ADMIN_PATH } from "@countersign/protocol";
import { SEEN_MS } from "../../../core/operators/sessions.ts";
import { hashSecret } from "../../../core/secret-form.ts";
import { startTestConsole, type TestConsole } from "../../../testing/test-console.ts";
import { TEST_PASSWORD } from "../../../testing/test-operators.ts";

let console: TestConsole;
let cookie: string;

before(async () => {
  console = await startTestConsole();
  cookie = await console.signUp("owner@example.com", "owner");
});

after(() => console.close());

const ask = (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
  console.ask(method, path, body, { cookie, headers });

const idOf = async (email: string) => (await console.registry.store.findOperatorByEmail(email))?.id ?? 0;

describe("operators", () => {
  test("are listed, found by the beginning of their address in any case, and filtered", async () => {
    for (const [email, role] of [
      ["list-a@example.com", "viewer"],
      ["list-b@example.com", "admin"],
    ] as const) {
      await console.signUp(email, role);
    }
    const emails = async (query: string) =>
      (await ask("GET", `/operators?${query}`)).json.data.map(({ email }: { email: string }) => email);
    assert.deepEqual(await emails("q=LIST-"), ["list-a@example.com", "list-b@example.com"]);
    assert.deepEqual(await emails("q=list-&role=admin"), ["list-b@example.com"]);
    assert.deepEqual(await emails("q=list-&status=deactivated"), []);
    const first = await ask("GET", "/operators?q=list-&limit=1");
    assert.equal(first.json.meta.count, 2);
    const next = await ask("GET", first.json.meta.next.replace("/api/admin/v1", ""));
    assert.deepEqual(
      next.json.data.map(({ email }: { email: string }) => email),
      ["list-b@example.com"],
    );
    assert.doesNotMatch(first.body + next.body, /argon2|password/);
  });

  test("change only as they were read, where the version that was read is named", async () => {
    await console.signUp("tag@example.com", "viewer");
    const id = await idOf("tag@example.com");
    const read = await ask("GET", `/operators/${id}`);
    const changed = await ask(
      "PATCH",
      `/operators/${id}`,
      { role: "admin" },
      { "If-Match": read.headers["etag"] ?? "" },
    );
    assert.equal(changed.json.data.role, "admin");
    assert.notEqual(changed.headers["etag"], read.headers["etag"]);
    const late = await ask("PATCH", `/operators/${id}`, { role: "viewer" }, { "If-Match": read.headers["etag"] ?? "" });
    assert.deepEqual([late.status, late.code], [412, "precondition_failed"]);
    assert.equal((await ask("GET", `/operators/${id}`)).json.data.role, "admin");
  });

  test("are switched off with all their sessions, on every request from then on", async () => {
    const theirs = await console.signUp("off@example.com", "admin");
    const id = await idOf("off@example.com");
    const sessions = await ask("GET", `/operators/${id}/sessions`);
    assert.equal(sessions.json.data.length, 1);
    assert.equal(sessions.json.data[0].current, false);
    assert.equal((await ask("PATCH", `/operators/${id}`, { status: "deactivated" })).json.data.status, "deactivated");
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: theirs })).status, 401);
    assert.deepEqual((await ask("GET", `/operators/${id}/sessions`)).json.data, []);
  });

  test("get in again by a link, which is shown once and works", async () => {
    const theirs = await console.signUp("reset@example.com", "admin");
    const id = await idOf("reset@example.com");
    const made = await ask("POST", `/operators/${id}/reset`);
    assert.equal(made.json.data.kind, "reset");
    const link = new URL(made.json.data.link);
    assert.deepEqual([link.origin, link.pathname, link.search], [console.origin, "/link", ""]);
    const token = link.hash.slice(1);
    const used = await console.ask("POST", "/links/use", { token, password: "eleven green lamps wander" });
    assert.equal(used.status, 200, used.body);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: theirs })).status, 401);
  });

  test("lose one session to an owner", async () => {
    const theirs = await console.signUp("session@example.com", "admin");
    const id = await idOf("session@example.com");
    const [session] = (await ask("GET", `/operators/${id}/sessions`)).json.data;
    assert.equal((await ask("DELETE", `/operators/${id}/sessions/${session.id}`)).status, 200);
    assert.equal((await ask("DELETE", `/operators/${id}/sessions/${session.id}`)).status, 404);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: theirs })).status, 401);
  });

  test("always have an owner among them: the last one stays, in words", async () => {
    const fresh = await startTestConsole();
    const only = await fresh.signUp("only@example.com", "owner");
    const answer = await fresh.ask("PATCH", "/operators/1", { role: "viewer" }, { cookie: only });
    assert.deepEqual([answer.status, answer.code], [409, "conflict"]);
    assert.match(answer.json.meta.errors[0].message, /last owner/);
    await fresh.close();
  });
});

describe("whoever is limited to an account", () => {
  test("lists and reads what belongs to it alone, and gets the same answer for all others", async () => {
    const theirs = await console.signUp("limited@example.com", "owner", "acme");
    await console.signUp("colleague@example.com", "viewer", "acme");
    const elsewhere = await console.signUp("elsewhere@example.com", "viewer", "other");
    assert.ok(elsewhere);
    const as = (method: string, path: string, body?: unknown) => console.ask(method, path, body, { cookie: theirs });
    await ask("POST", "/invitations", { email: "invited@example.com", role: "viewer", account: "other" });
    await ask("POST", "/admin-tokens", { name: "elsewhere", role: "viewer", account: "other" });
    const { json } = await as("GET", "/operators");
    assert.deepEqual(
      json.data.map(({ email }: { email: string }) => email),
      ["limited@example.com", "colleague@example.com"],
    );
    assert.deepEqual((await as("GET", "/invitations")).json.data, []);
    assert.deepEqual((await as("GET", "/admin-tokens")).json.data, []);
    const hidden = await idOf("elsewhere@example.com");
    const bodies = new Set<string>();
    for (const id of [hidden, await idOf("owner@example.com"), 99_999]) {
      for (const [method, path, body] of [
        ["GET", `/operators/${id}`, undefined],
        ["PATCH", `/operators/${id}`, { role: "viewer" }],
        ["POST", `/operators/${id}/reset`, undefined],
        ["GET", `/operators/${id}/sessions`, undefined],
        ["DELETE", `/operators/${id}/sessions/1`, undefined],
      ] as const) {
        const answer = await as(method, path, body);
        assert.equal(answer.status, 404, path);
        bodies.add(answer.body);
      }
    }
    assert.equal(bodies.size, 1);
    const up = await as("POST", "/invitations", { email: "x@example.com", role: "viewer" });
    assert.deepEqual([up.status, up.code], [403, "forbidden"]);
    const mine = await as("POST", "/invitations", { email: "x@example.com", role: "owner", account: "acme" });
    assert.equal(mine.status, 201, mine.body);
    assert.equal((await as("DELETE", `/invitations/${mine.json.data.id}`)).status, 200);
  });
});

describe("an invitation", () => {
  test("is made once however often it is asked for, and its link is shown once", async () => {
    const invite = (email: string) =>
      ask("POST", "/invitations", { email, role: "viewer", account: "acme" }, { "Idempotency-Key": "invite-1" });
    const first = await invite("once@example.com");
    assert.equal(first.status, 201, first.body);
    const again = await invite("once@example.com");
    assert.equal(again.status, 201);
    assert.equal(again.headers["idempotency-replayed"], "true");
    assert.equal(again.json.data.link, null);
    assert.equal(again.json.meta.warnings[0].code, "secret_not_repeated");
    assert.equal(again.json.data.id, first.json.data.id);
    assert.equal((await invite("other@example.com")).code, "idempotency_key_reused");
    const token = new URL(first.json.data.link).hash.slice(1);
    const used = await console.ask("POST", "/links/use", { token, password: TEST_PASSWORD });
    assert.equal(used.status, 200, used.body);
    // What it made has been used up: there is nothing to show any more.
    assert.equal((await invite("once@example.com")).status, 404);
  });

  test("is listed while it is open, without its link, and can be withdrawn once", async () => {
    const made = await ask("POST", "/invitations", { email: "open@example.com", role: "viewer" });
    const { link, ...shown } = made.json.data;
    assert.ok(link);
    const list = await ask("GET", "/invitations?limit=1");
    assert.deepEqual(list.json.data, [shown]);
    const { id } = shown;
    assert.equal((await ask("DELETE", `/invitations/${id}`)).status, 200);
    assert.equal((await ask("DELETE", `/invitations/${id}`)).status, 404);
    const look = await console.ask("POST", "/links/look", { token: new URL(link).hash.slice(1) });
    assert.deepEqual([look.status, look.code], [403, "link_invalid"]);
  });

  test("is refused field by field", async () => {
    for (const [body, field] of [
      [{ email: "no address", role: "viewer" }, "/email"],
      [{ email: "a@example.com", role: "root" }, "/role"],
      [{ email: "a@example.com", role: "viewer", account: "nowhere" }, "/account"],
      [{ role: "viewer" }, "/email"],
    ] as const) {
      const answer = await ask("POST", "/invitations", body);
      assert.deepEqual([answer.status, answer.json.meta.errors[0].field], [422, field], answer.body);
    }
    const taken = await ask("POST", "/invitations", { email: "owner@example.com", role: "viewer" });
    assert.deepEqual([taken.status, taken.code], [409, "conflict"]);
  });
});

describe("an admin token", () => {
  test("is made once, shown once, works, and works no more once it is revoked", async () => {
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

  test("is refused field by field", async () => {
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

test("an admin token ends by itself unless never is said in as many words", async () => {
  const expiryOf = async (body: object) =>
    (await ask("POST", "/admin-tokens", { role: "viewer", ...body })).json.data.expires_at;
  const usual = new Date(console.clock.nowMicroseconds() / 1000 + 90 * 86_400_000).toISOString();
  assert.equal(await expiryOf({ name: "usual" }), usual);
  // As a client sends what it leaves open.
  assert.equal(await expiryOf({ name: "open", expires_at: null }), usual);
  assert.equal(await expiryOf({ name: "endless", expires_at: "never" }), null);
});

describe("a change whose body comes late", () => {
  // Whoever may less is signed out.
  const changes = {
    "is deactivated": { status: "deactivated" },
    "may less": { role: "admin" },
    "is limited to an account": { account: "acme" },
  };

  for (const [what, change] of Object.entries(changes)) {
    test(`is refused where whoever sends it ${what} meanwhile`, async () => {
      const email = `late-${what.replaceAll(" ", "-")}@example.com`;
      const theirs = await console.signUp(email, "owner");
      const body = JSON.stringify({ name: what.replaceAll(" ", "-"), role: "owner" });
      const late = await beginLate({ Cookie: theirs, Origin: console.origin }, body);
      assert.equal((await ask("PATCH", `/operators/${await idOf(email)}`, change)).status, 200);
      assert.equal(await late(), 401);
      const tokens = await ask("GET", "/admin-tokens?limit=100");
      assert.ok(!tokens.body.includes(`"created_by":"operator:${email}"`), tokens.body);
    });
  }

  test("is refused where the admin token that sends it is revoked meanwhile", async () => {
    const made = await ask("POST", "/admin-tokens", { name: "late", role: "owner" });
    const { id, token } = made.json.data;
    const body = JSON.stringify({ name: "later", role: "owner" });
    const late = await beginLate({ Authorization: `Bearer ${token}` }, body);
    assert.equal((await ask("DELETE", `/admin-tokens/${id}`)).status, 200);
    assert.equal(await late(), 401);
  });

  test("is made where nothing has changed", async () => {
    const fresh = await console.signUp("slow@example.com", "owner");
    const late = await beginLate({ Cookie: fresh, Origin: console.origin }, '{"name":"slow","role":"viewer"}');
    assert.equal(await late(), 201);
  });
});

/**
 * Sends a request but for the end of its body, and waits until the server has looked at who asks.
 *
 * @returns sends the rest; with the answer's status
 */
async function beginLate(
  headers: { readonly Cookie: string; readonly Origin: string } | { readonly Authorization: string },
  body: string,
): Promise<() => Promise<number>> {
  const { store } = console.registry;
  const seenAtMs = async () => {
    if (!("Cookie" in headers)) {
      const token = await store.findAdminTokenBySecret(hashSecret(headers.Authorization.slice("Bearer ".length)));
      return token?.lastUsedAtMs ?? null;
    }
    return (await store.findSession(hashSecret(headers.Cookie.split("=")[1] ?? "")))?.session.lastSeenAtMs ?? null;
  };
  console.clock.advanceSeconds(SEEN_MS / 1000);
  const before = await seenAtMs();
  const { port } = new URL(console.origin);
  const outgoing = httpRequest(`http://127.0.0.1:${port}${ADMIN_PATH}/admin-tokens`, {
    method: "POST",
    agent: false,
    headers: { ...headers, "Content-Type": "application/json", "Content-Length": body.length },
  });
  const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
  outgoing.write(body.slice(0, 5));
  while ((await seenAtMs()) === before) {
    await setImmediate();
    await console.lastSeen.flush();
  }
  return async () => {
    outgoing.end(body.slice(5));
    const [answer] = await answered;
    answer.resume();
    return answer.statusCode ?? 0;
  };
}
