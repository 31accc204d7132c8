/** The caller is checked before the body is read and after it, through the real listener. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { after, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ADMIN_PATH } from "@countersign/protocol";
import { SEEN_MS } from "../../../core/operators/sessions.ts";
import { hashSecret } from "../../../core/secret-form.ts";
import { startOwnersConsole } from "../../../testing/test-console.ts";

const { console, ask, idOf } = await startOwnersConsole();
after(() => console.close());

describe("a change whose body arrives late", () => {
  // An operator whose permissions shrink is signed out.
  const changes = {
    "is deactivated": { status: "deactivated" },
    "may less": { role: "admin" },
    "is limited to an account": { account: "acme" },
  };

  for (const [what, change] of Object.entries(changes)) {
    test(`is refused if its sender ${what} meanwhile`, async () => {
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

  test("is refused if its admin token is revoked meanwhile", async () => {
    const made = await ask("POST", "/admin-tokens", { name: "late", role: "owner" });
    const { id, token } = made.json.data;
    const body = JSON.stringify({ name: "later", role: "owner" });
    const late = await beginLate({ Authorization: `Bearer ${token}` }, body);
    assert.equal((await ask("DELETE", `/admin-tokens/${id}`)).status, 200);
    assert.equal(await late(), 401);
  });

  test("is made if nothing has changed", async () => {
    const fresh = await console.signUp("slow@example.com", "owner");
    const late = await beginLate({ Cookie: fresh, Origin: console.origin }, '{"name":"slow","role":"viewer"}');
    assert.equal(await late(), 201);
  });
});

/**
 * Sends a request without the end of its body, and waits until the server has checked the caller.
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
      const token = await store.adminTokens.findBySecret(hashSecret(headers.Authorization.slice("Bearer ".length)));
      return token?.lastUsedAtMs ?? null;
    }
    return (await store.sessions.find(hashSecret(headers.Cookie.split("=")[1] ?? "")))?.session.lastSeenAtMs ?? null;
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
