/**
 * `countersign store copy`: a store moves from SQLite to PostgreSQL completely or not at all.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startPostgres } from "../testkit/postgres.ts";
import { createApiUser, startServer } from "../testkit/server.ts";

test("a copied store has everything, and tokens and keys keep working on it", async (t) => {
  const postgres = await startPostgres();
  t.after(() => postgres.stop());
  const databaseUrl = await postgres.createDatabase();
  const source = await startServer();
  const { username, keyId, privateKeyFile } = await createApiUser(source);
  await source.json("resource-server", "create", "shop");
  const asked = ["token", "--username", username, "--key", privateKeyFile, "--url"];
  const { token } = await source.json<{ token: string }>(...asked, source.publicUrl);

  const early = await source.cli("store", "copy", "--to", databaseUrl);
  assert.equal(early.status, 1);
  assert.match(early.stderr, /1 node\(s\) serve this store/);
  await source.stop();
  const events = await source.json<{ hash: string }[]>("audit", "list");
  const copy = await source.json<{ rows: Record<string, number>; last_seq: number; last_hash: string }>(
    "store",
    "copy",
    "--to",
    databaseUrl,
  );
  const { accounts, api_users, public_keys, signing_keys, resource_servers, audit_events } = copy.rows;
  assert.deepEqual(
    [accounts, api_users, public_keys, signing_keys, resource_servers, audit_events],
    [1, 1, 1, 1, 1, events.length],
  );
  assert.deepEqual([copy.last_seq, copy.last_hash], [events.length, events.at(-1)?.hash]);

  const again = await source.cli("store", "copy", "--to", databaseUrl);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /the target isn't empty/);
  const wrong = await source.cli("store", "copy", "--to", "mysql://u:a-secret-of-the-test@h/d");
  assert.equal(wrong.status, 2);
  assert.doesNotMatch(wrong.stderr, /a-secret-of-the-test/);

  const target = await startServer({ dataDir: source.dataDir, env: { COUNTERSIGN_DATABASE_URL: databaseUrl } });
  t.after(() => target.stop());
  const check = async (held: string) => {
    const headers = { authorization: `Token ${held}` };
    return (await fetch(`${target.publicUrl}/api/auth/v0/check/`, { headers })).status;
  };
  assert.equal(await check(token), 200);
  const minted = await target.json<{ token: string }>(...asked, target.publicUrl);
  assert.equal(await check(minted.token), 200);
  // Ids continue where they were: no id of a copied row is reused.
  const other = await target.json<{ id: number }>("account", "create", "other");
  assert.equal(other.id, 2);
  await target.json("key", "revoke", "--yes", String(keyId));
  assert.equal((await target.cli("audit", "verify")).status, 0);
});
