/**
 * A key's chain from the first rotation to its end: a client rotates by itself, and an operator sees the chain and stops a stolen
 * key together with the keys that it rotated in, by the command line and the admin API.
 */
import assert from "node:assert/strict";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { assertRefusalsDeclared } from "../testkit/declared-refusals.ts";
import { type AdminClient, openAdminApi } from "../testkit/admin-client.ts";
import { makeKeyPair, type RsaKeyPair } from "../testkit/rsa-keys.ts";
import { createApiUser, createKey, startServer, type TestApiUser, type TestServer } from "../testkit/server.ts";
import { signAssertion, signParts } from "../testkit/sign-assertion.ts";

const KEYS = "/api/auth/v0/keys/";

interface RotatedKey {
  readonly id: number;
  readonly username: string;
  readonly rotated_from: number;
  readonly previous: { readonly id: number; readonly expires_at: string };
}

interface ShownKey {
  readonly id: number;
  readonly status: string;
  readonly rotated_from: number | null;
}

describe("a chain of keys", () => {
  let server: TestServer;
  let admin: AdminClient;
  let user: TestApiUser;

  before(async () => {
    server = await startServer();
    user = await createApiUser(server);
    const { token } = await server.json<{ token: string }>("admin-token", "create", "test", "--role", "admin");
    admin = (await openAdminApi(server)).client.as({ bearer: token });
  });
  after(async () => {
    try {
      await assertRefusalsDeclared(server);
    } finally {
      await server.stop();
    }
  });

  const post = (path: string, headers: Readonly<Record<string, string>> = {}, body?: unknown) =>
    fetch(server.publicUrl + path, {
      method: "POST",
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });

  async function send(from: KeyObject, to: RsaKeyPair): Promise<Response> {
    const answer = (await (await post("/api/auth/v0/key-challenges/")).json()) as { data: { nonce: string } };
    const { nonce } = answer.data;
    const claims = { aud: server.publicUrl, sub: user.username, nonce, iat: Date.now() / 1000 };
    const proof = signParts({ alg: "RS256", typ: "key-proof+jwt" }, claims, to.privateKey);
    const assertion = signAssertion(user.username, from, { claims: { aud: server.publicUrl + KEYS } });
    const headers = { Authorization: `JWT ${assertion}`, "Content-Type": "application/json" };
    return post(KEYS, headers, { public_key: to.publicPem, proof });
  }

  async function rotate(from: KeyObject, to: RsaKeyPair): Promise<RotatedKey> {
    const answer = await send(from, to);
    const text = await answer.text();
    assert.equal(answer.status, 201, text);
    return (JSON.parse(text) as { data: RotatedKey }).data;
  }

  /** A chain of three keys: one that the operator added, and two that the client rotated in. */
  async function makeChain(): Promise<{ readonly ids: readonly number[]; readonly last: RsaKeyPair }> {
    const { keyId, privateKeyFile } = await createKey(server, user.username);
    const [second, last] = [makeKeyPair(), makeKeyPair()];
    const rotated = await rotate(createPrivateKey(readFileSync(privateKeyFile)), second);
    assert.deepEqual([rotated.rotated_from, rotated.previous.id], [keyId, keyId]);
    const { id } = await rotate(second.privateKey, last);
    return { ids: [keyId, rotated.id, id], last };
  }

  async function statuses(ids: readonly number[]): Promise<readonly string[]> {
    const keys = await server.json<ShownKey[]>("key", "list", user.username);
    return ids.map((id) => keys.find((key) => key.id === id)?.status ?? "missing");
  }

  async function refusalOf(key: KeyObject, id: number | undefined): Promise<string | undefined> {
    const assertion = signAssertion(user.username, key, { header: { kid: String(id) } });
    const headers = { Authorization: `JWT ${assertion}` };
    const answer = await fetch(`${server.publicUrl}/api/auth/v0/refresh/`, { headers });
    return ((await answer.json()) as { meta: { errors: { code: string }[] } }).meta.errors[0]?.code;
  }

  test("begins only once an operator has allowed the user to rotate", async () => {
    const key = createPrivateKey(readFileSync(user.privateKeyFile));
    const refused = await send(key, makeKeyPair());
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /"code":"rotation_not_allowed"/);
    await server.json("user", "edit", user.username, "--may-rotate");
    assert.equal((await rotate(key, makeKeyPair())).username, user.username);
  });

  test("is shown by key show and by the admin API", async () => {
    const { ids } = await makeChain();
    const [first = 0, second = 0, last = 0] = ids;
    const shown = await server.json<ShownKey & { descendants: ShownKey[] }>("key", "show", String(first));
    assert.deepEqual(
      shown.descendants.map(({ id, rotated_from: from }) => [id, from]),
      [
        [second, first],
        [last, second],
      ],
    );
    const text = (await server.cli("key", "show", String(second))).stdout;
    assert.match(text, new RegExp(`rotated from +${first}\n`));
    assert.match(text, new RegExp(`rotated in +${last} \\(1 active\\)`));
    const listed = await admin.get(`/keys/${first}/descendants`);
    assert.equal(listed.status, 200, listed.text);
    assert.deepEqual(
      (listed.body.data as ShownKey[]).map(({ id }) => id),
      [last, second],
    );
    assert.equal((await admin.get("/keys/999/descendants")).status, 404);
    assert.match((await server.cli("key", "show", "999")).stderr, /There is no key 999/);
  });

  test("ends with the stolen key by the command line, which says what is left otherwise", async () => {
    const { ids, last } = await makeChain();
    const [first = 0] = ids;
    const alone = await server.cli("key", "deactivate", String(first));
    assert.equal(alone.stdout, `Key ${first} of ${user.username} is deactivated.\n`);
    assert.match(
      alone.stderr,
      new RegExp(`2 keys that were rotated in by key ${first} are still active: .*--with-descendants`),
    );
    const all = await server.json<{ changed_descendants: number[]; live_descendants: number[] }>(
      "key",
      "revoke",
      "--yes",
      String(first),
      "--with-descendants",
    );
    assert.deepEqual([all.changed_descendants, all.live_descendants], [ids.slice(1), []]);
    assert.deepEqual(await statuses(ids), ["revoked", "revoked", "revoked"]);
    assert.equal(await refusalOf(last.privateKey, ids.at(-1)), "key_deactivated");
  });

  test("ends with the stolen key by the admin API, which names what is left otherwise", async () => {
    const { ids } = await makeChain();
    const [first = 0, second = 0, last = 0] = ids;
    const alone = await admin.patch(`/keys/${second}`, { status: "deactivated" });
    const warnings = alone.body.meta.warnings as { code: string; message: string }[];
    assert.equal(
      warnings.find(({ code }) => code === "key_has_descendants")?.message,
      `Key ${last}, which was rotated in by key ${second}, is still active.`,
    );
    assert.deepEqual(await statuses(ids), ["active", "deactivated", "active"]);
    const all = await admin.patch(`/keys/${first}?with_descendants=true`, { status: "deactivated" });
    assert.equal(all.status, 200, all.text);
    assert.doesNotMatch(all.text, /key_has_descendants/);
    assert.deepEqual(await statuses(ids), ["deactivated", "deactivated", "deactivated"]);
    const refused = await admin.patch(`/keys/${first}?with_descendants=true`, { status: "active" });
    assert.deepEqual([refused.status, refused.code], [422, "field_invalid"]);
    // Of a chain that ends in one request, no key is reported as active that the same request deactivates.
    for (const id of ids) await admin.patch(`/keys/${id}`, { status: "active" });
    const chosen = await admin.post("/keys/deactivate", { ids: [first, second] });
    const keys = chosen.body.data.keys as { id: number; outcome: string; message: string | null }[];
    assert.deepEqual(
      keys.map(({ id, outcome, message }) => [id, outcome, message]),
      [first, second].map((id) => [
        id,
        "deactivated",
        `Key ${last}, which was rotated in by key ${id}, is still active.`,
      ]),
    );
    for (const query of ["with_descendants=maybe", "with_descendant=true"]) {
      assert.equal((await admin.patch(`/keys/${first}?${query}`, { status: "revoked" })).status, 422);
    }
  });
});
