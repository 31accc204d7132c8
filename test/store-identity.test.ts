/**
 * Stores that begin anew, are restored or are replaced: a token never becomes another user's, and nothing that was undone
 * goes unnoticed.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test, type TestContext } from "node:test";
import { startPostgres } from "./support/postgres.ts";
import { createApiUser, startServer, type ServerOptions, type TestApiUser, type TestServer } from "./support/server.ts";

async function start(t: TestContext, options: ServerOptions): Promise<TestServer> {
  const server = await startServer(options);
  t.after(() => server.stop());
  return server;
}

async function tokenOf(server: TestServer, { username, privateKeyFile }: TestApiUser): Promise<string> {
  const asked = ["token", "--username", username, "--key", privateKeyFile, "--url", server.publicUrl];
  return (await server.json<{ token: string }>(...asked)).token;
}

/** What the check answers, and whose token it takes it for. */
async function check(server: TestServer, token: string): Promise<readonly [number, string | null]> {
  const headers = { authorization: `Token ${token}` };
  const answer = await fetch(`${server.publicUrl}/api/auth/v0/check/`, { headers });
  await answer.arrayBuffer();
  return [answer.status, answer.headers.get("x-auth-username")];
}

describe("an empty store under the master secret of another", () => {
  const masterSecret = { COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64") };

  /** A key is revoked in one store; in the next, another user's key has its id. */
  async function beginAnew(t: TestContext, [first, second]: readonly [ServerOptions, ServerOptions]): Promise<void> {
    const before = await start(t, first);
    const user = await createApiUser(before);
    const dead = await tokenOf(before, user);
    await before.json("key", "revoke", String(user.keyId));
    await before.stop();
    const after = await start(t, second);
    const successor = await createApiUser(after, { account: "other", name: "someone-else" });
    assert.equal(successor.keyId, user.keyId, "the id comes back");
    assert.deepEqual(await check(after, dead), [401, null]);
    assert.deepEqual(await check(after, await tokenOf(after, successor)), [200, successor.username]);
  }

  test("accepts none of its tokens, on SQLite", async (t) => {
    await beginAnew(t, [{ env: masterSecret }, { env: masterSecret }]);
  });

  test("accepts none of its tokens, on PostgreSQL", async (t) => {
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const [first, second] = [await postgres.createDatabase(), await postgres.createDatabase()];
    const env = (url: string) => ({ env: { ...masterSecret, COUNTERSIGN_DATABASE_URL: url } });
    await beginAnew(t, [env(first), env(second)]);
  });
});
