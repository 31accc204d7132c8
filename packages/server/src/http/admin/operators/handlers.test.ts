/** Operators, through the real listener. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startOwnersConsole, startTestConsole } from "../../../testing/test-console.ts";

const { console, ask, idOf } = await startOwnersConsole();
after(() => console.close());

describe("operators", () => {
  test("are listed, found by the start of their address in any case, and filtered", async () => {
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

  test("change only if they are still at the version that If-Match names", async () => {
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

  test("are deactivated with all their sessions, from the next request on", async () => {
    const theirs = await console.signUp("off@example.com", "admin");
    const id = await idOf("off@example.com");
    const sessions = await ask("GET", `/operators/${id}/sessions`);
    assert.equal(sessions.json.data.length, 1);
    assert.equal(sessions.json.data[0].current, false);
    assert.equal((await ask("PATCH", `/operators/${id}`, { status: "deactivated" })).json.data.status, "deactivated");
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: theirs })).status, 401);
    assert.deepEqual((await ask("GET", `/operators/${id}/sessions`)).json.data, []);
  });

  test("can sign in again by a reset link, which is shown once", async () => {
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

  test("can have one session ended by an owner", async () => {
    const theirs = await console.signUp("session@example.com", "admin");
    const id = await idOf("session@example.com");
    const [session] = (await ask("GET", `/operators/${id}/sessions`)).json.data;
    assert.equal((await ask("DELETE", `/operators/${id}/sessions/${session.id}`)).status, 200);
    assert.equal((await ask("DELETE", `/operators/${id}/sessions/${session.id}`)).status, 404);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie: theirs })).status, 401);
  });

  test("always include an owner: demoting or deactivating the last one is refused with an explanation", async () => {
    const fresh = await startTestConsole();
    const only = await fresh.signUp("only@example.com", "owner");
    const answer = await fresh.ask("PATCH", "/operators/1", { role: "viewer" }, { cookie: only });
    assert.deepEqual([answer.status, answer.code], [409, "conflict"]);
    assert.match(answer.json.meta.errors[0].message, /last owner/);
    await fresh.close();
  });
});

describe("an operator who is limited to an account", () => {
  test("lists and reads only what belongs to it, and gets the same answer for everything else", async () => {
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
