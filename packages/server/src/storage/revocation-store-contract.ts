/** What a revocation statement does, which must be the same on every engine: one suite, run on each. Only tests import this. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { type ChangeTx, SYSTEM } from "../core/change/change-tx.ts";
import { type Commit, createCommit } from "../core/change/commit.ts";
import { parsePublicKey } from "../core/keys/admission.ts";
import type { KeyId } from "../core/keys/model.ts";
import { revokeByStatement, UNREGISTERED_MODULI_MAX } from "../core/revocation/revoke-by-statement.ts";
import type { RevocationStatement } from "../core/revocation/statement.ts";
import type { ApiUser } from "../core/users/model.ts";
import { refusalOf } from "../testing/refusal-of.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { insertAccount, insertKey, insertUser, openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

const SPKI = rsaKeyPair("alice").publicKey.export({ format: "der", type: "spki" });
const statement: RevocationStatement = { modulusHash: "ab".repeat(32), exponent: 65_537 };
const other: RevocationStatement = { modulusHash: "cd".repeat(32), exponent: 65_537 };

export function testRevocation(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`a revocation statement on ${name}`, () => {
    const each = openEachStore(open);
    let users: readonly ApiUser[];
    let commit: Commit;

    beforeEach(async () => {
      const accounts = [await insertAccount(each.store, "first"), await insertAccount(each.store, "second")] as const;
      users = [await insertUser(each.store, accounts[0], "a"), await insertUser(each.store, accounts[1], "b")];
      commit = createCommit(each.store, createTestClock());
    });

    const change = async <Result>(work: (tx: ChangeTx) => Promise<Result>) =>
      (await commit(work, { author: SYSTEM })).result;
    const revoke = (by = statement) => change((tx) => revokeByStatement(tx, by, "192.0.2.1"));
    const statusOf = async (id: KeyId) => (await each.store.keys.find(id))?.status;
    const events = async () =>
      (await each.store.events.after(0, 100)).map(({ actor, action, subject }) => [actor, action, subject].join(" "));

    /** A key of one of the users; `number` distinguishes it. */
    async function addKey(user: number, number: number, modulusHash = statement.modulusHash): Promise<KeyId> {
      const id = await each.store.transaction((transaction) => insertKey(transaction, users[user] as ApiUser, number));
      await each.rewrite(
        `update public_keys set modulus_hash = '${modulusHash}', ` +
          `spki = ${name === "SQLite" ? `x'${SPKI.toString("hex")}'` : `'\\x${SPKI.toString("hex")}'`} where id = ${id}`,
      );
      return id;
    }

    test("revokes a key that a node of an older release has added, without the hash of its modulus", async () => {
      const { modulusHash } = parsePublicKey(rsaKeyPair("alice").publicPem);
      const id = await addKey(0, 1, "");
      const untouched = await addKey(1, 2, other.modulusHash);
      const { keys, isRemembered } = await revoke({ ...statement, modulusHash });
      assert.deepEqual([keys.map((key) => key.id), isRemembered], [[id], false]);
      assert.deepEqual([await statusOf(id), await statusOf(untouched)], ["revoked", "active"]);
    });

    test("revokes every key with its modulus, of any user and account, and no other, with an event by each key", async () => {
      const ids = [await addKey(0, 1), await addKey(1, 2)] as const;
      const untouched = await addKey(1, 3, other.modulusHash);
      const { keys, isRemembered } = await revoke();
      assert.deepEqual([keys.map(({ id }) => id), isRemembered], [ids, false]);
      assert.deepEqual(await Promise.all(ids.map(statusOf)), ["revoked", "revoked"]);
      assert.equal(await statusOf(untouched), "active");
      assert.deepEqual(
        await events(),
        ids.map((id) => `key:${id} key.revoked key:${id}`),
      );
      const [first] = await each.store.events.after(0, 1);
      assert.deepEqual(
        { ...first?.details },
        { username: "api-1-a", fingerprint: "SHA256:1", by_statement: true, address: "192.0.2.1" },
      );
      assert.equal(await each.store.keys.isModulusRevoked(statement.modulusHash), false, "the key itself says so");
    });

    test("revokes keys whose key, user or account is deactivated or past its expiry, once", async () => {
      const id = await addKey(0, 1);
      await each.rewrite(
        `update public_keys set status = 'deactivated', expires_at_ms = 1 where id = ${id}`,
        "update api_users set status = 'deactivated'",
        "update accounts set status = 'deactivated'",
      );
      assert.equal((await revoke()).keys.length, 1);
      assert.deepEqual(await revoke(), { keys: [], isRemembered: false });
      assert.equal((await events()).length, 1);
    });

    test("with an exponent that no key with its modulus has is refused, and changes nothing", async () => {
      const id = await addKey(0, 1);
      assert.equal((await refusalOf(revoke({ ...statement, exponent: 65_539 }))).code, "revocation_rejected");
      assert.equal(await statusOf(id), "active");
      assert.deepEqual(await events(), []);
    });

    test("without a registered key makes the modulus refused for good, once and without an event", async () => {
      assert.deepEqual(await revoke(), { keys: [], isRemembered: true });
      assert.deepEqual(await revoke(), { keys: [], isRemembered: false });
      assert.equal(await each.store.keys.isModulusRevoked(statement.modulusHash), true);
      assert.equal(await each.store.keys.isModulusRevoked(other.modulusHash), false);
      assert.equal(await change((tx) => tx.keys.countRevokedModuli()), 1);
      assert.deepEqual(await events(), []);
    });

    test("without a registered key is refused beyond the bound, and one with a key isn't", async () => {
      const rows =
        name === "SQLite"
          ? `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${UNREGISTERED_MODULI_MAX}) select 'm' || i, 1 from n`
          : `select 'm' || i, 1 from generate_series(1, ${UNREGISTERED_MODULI_MAX}) i`;
      await each.rewrite(`insert into revoked_moduli (modulus_hash, revoked_at_ms) ${rows}`);
      assert.equal((await refusalOf(revoke())).code, "rate_limited");
      assert.equal(await each.store.keys.isModulusRevoked(statement.modulusHash), false);
      await revoke({ ...statement, modulusHash: "m7" });
      await addKey(0, 1);
      assert.equal((await revoke()).keys.length, 1);
    });

    test("stands, whichever comes first, when the same key is activated at the same moment", async () => {
      const id = await addKey(0, 1);
      await each.rewrite(`update public_keys set status = 'deactivated' where id = ${id}`);
      await each.race(2, { kind: "revokeByStatementOrActivate", keyId: id, statement });
      assert.equal(await statusOf(id), "revoked");
    });

    test("that two nodes receive at the same moment revokes once", async () => {
      const id = await addKey(0, 1);
      const outcomes = await each.race(2, { kind: "revokeByStatement", statement });
      assert.deepEqual(outcomes.flat().toSorted(), ["revoked 0", "revoked 1"]);
      assert.deepEqual(await events(), [`key:${id} key.revoked key:${id}`]);
    });
  });
}
