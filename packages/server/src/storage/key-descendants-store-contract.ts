/** The keys that a key rotated in, which must be the same on every engine: one suite, run on each. Only tests import this. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { SYSTEM } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import { changeKeyAndDescendants, liveDescendantsMessage } from "../core/keys/descendants.ts";
import type { KeyPatch } from "../core/keys/changes.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { ApiUser } from "../core/users/model.ts";
import { refusalOf } from "../testing/refusal-of.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { insertAccount, insertKey, insertUser, openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export function testKeyDescendants(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`keys that were rotated in, on ${name}`, () => {
    const each = openEachStore(open);
    let user: ApiUser;
    const clock = createTestClock();

    /** Keys 1 to 7: 1 rotated in 2 and 3, 2 rotated in 4, 4 rotated in 5; 6 rotated in 7. */
    beforeEach(async () => {
      user = await insertUser(each.store, await insertAccount(each.store, "acme"), "demo");
      await each.store.transaction(async (transaction) => {
        for (let number = 1; number <= 7; number++) await insertKey(transaction, user, number);
      });
      const parents = [
        [2, 1],
        [3, 1],
        [4, 2],
        [5, 4],
        [7, 6],
      ] as const;
      await each.rewrite(
        ...parents.map(([id, from]) => `update public_keys set rotated_from = ${from} where id = ${id}`),
      );
    });

    const change = async (id: number, patch: KeyPatch, withDescendants: boolean) => {
      const commit = createCommit(each.store, clock);
      const work = { author: SYSTEM };
      return (await commit((tx) => changeKeyAndDescendants(tx, id as KeyId, patch, withDescendants), work)).result;
    };
    const ids = (keys: readonly { readonly id: number }[]) => keys.map(({ id }) => id);
    const descendants = async (id: number) => ids(await each.store.keys.listDescendants(id as KeyId));
    const statuses = async () => (await each.store.keys.list(user.id)).map(({ status }) => status);
    const events = async () =>
      (await each.store.events.after(0, 100)).map(({ action, subject }) => `${action} ${subject}`);

    test("are found whoever rotated them in, in the order of their ids, and only they", async () => {
      assert.deepEqual(await descendants(1), [2, 3, 4, 5]);
      assert.deepEqual(await descendants(2), [4, 5]);
      assert.deepEqual(await descendants(5), []);
      assert.deepEqual(await descendants(6), [7]);
      for (const id of [0, -1, 99, 2 ** 40, 1.5, Number.NaN]) assert.deepEqual(await descendants(id), []);
      assert.deepEqual(
        await each.store.transaction(async (tx) => ids(await tx.keys.listDescendants(1 as KeyId))),
        [2, 3, 4, 5],
      );
    });

    test("are listed by pages, newest first", async () => {
      const first = await each.store.keys.pageDescendants(1 as KeyId, { limit: 3 });
      assert.deepEqual([ids(first.items), first.count, first.hasNext], [[5, 4, 3], 4, true]);
      const rest = await each.store.keys.pageDescendants(1 as KeyId, {
        limit: 3,
        from: { key: [3], direction: "after" },
      });
      assert.deepEqual([ids(rest.items), rest.hasNext], [[2], false]);
      assert.deepEqual((await each.store.keys.pageDescendants((2 ** 40) as KeyId, { limit: 3 })).items, []);
    });

    test("are found once, and never the key itself, where a row was changed into a circle", async () => {
      await each.rewrite(
        "update public_keys set rotated_from = 5 where id = 1",
        "update public_keys set rotated_from = 6 where id = 6",
      );
      assert.deepEqual(await descendants(1), [2, 3, 4, 5]);
      assert.deepEqual(await descendants(4), [1, 2, 3, 5]);
      assert.deepEqual(await descendants(6), [7]);
      await change(4, { status: "revoked" }, true);
      assert.deepEqual(
        (await statuses()).slice(0, 5),
        Array.from({ length: 5 }, () => "revoked"),
      );
      await change(6, { status: "revoked" }, true);
      assert.deepEqual((await statuses()).slice(5), ["revoked", "revoked"]);
    });

    for (const [status, action] of [
      ["deactivated", "key.deactivated"],
      ["revoked", "key.revoked"],
    ] as const) {
      test(`become ${status} with the key that rotated them in, each with its event`, async () => {
        const { key, changed, live } = await change(2, { status }, true);
        assert.deepEqual([key.status, ids(changed), live], [status, [4, 5], []]);
        assert.deepEqual(await statuses(), ["active", status, "active", status, status, "active", "active"]);
        assert.deepEqual(
          await events(),
          [2, 4, 5].map((id) => `${action} key:${id}`),
        );
        await change(2, { status }, true);
        assert.equal((await events()).length, 3, "a repeat changes nothing");
      });
    }

    test("stay as they are without that, and the answer names those that can still be used", async () => {
      await change(4, { status: "deactivated" }, false);
      await each.rewrite("update public_keys set expires_at_ms = 5 where id = 3");
      const { changed, live } = await change(1, { status: "revoked" }, false);
      assert.deepEqual([changed, ids(live)], [[], [2, 5]]);
      assert.equal(
        liveDescendantsMessage(1 as KeyId, live),
        "2 keys that were rotated in by key 1 are still active: 2, 5.",
      );
      assert.deepEqual(ids((await change(4, { status: "active" }, false)).live), []);
    });

    test("that were revoked stay revoked, and those that were deactivated are revoked with the others", async () => {
      await change(4, { status: "revoked" }, false);
      await change(5, { status: "deactivated" }, false);
      assert.deepEqual(ids((await change(1, { status: "deactivated" }, true)).changed), [2, 3]);
      assert.deepEqual(ids((await change(1, { status: "revoked" }, true)).changed), [2, 3, 5]);
    });

    test("at the moment at which the old key is stopped are stopped too, or aren't rotated in", async () => {
      await each.rewrite("update api_users set may_rotate = 1");
      const seen = new Set<string>();
      for (const [round, from] of [3, 5, 7].entries()) {
        const text = rsaKeyPair(`new ${round}`).publicPem;
        const outcomes = (await each.race(2, { kind: "rotateOrStop", keyId: from as KeyId, text })).flat();
        seen.add(outcomes.toSorted().join());
        const keys = await each.store.keys.list(user.id);
        const chain = keys.filter(({ id, rotatedFrom }) => id === from || rotatedFrom === from);
        assert.deepEqual(new Set(chain.map(({ status }) => status)), new Set(["deactivated"]), outcomes.join());
      }
      for (const outcome of seen)
        assert.ok(["key_deactivated,stopped 0", "rotated,stopped 1"].includes(outcome), outcome);
    });

    test("by two copies of one request at the same moment are one key", async () => {
      await each.rewrite("update api_users set may_rotate = 1");
      const text = rsaKeyPair("new").publicPem;
      const outcomes = (await each.race(2, { kind: "rotateTwice", keyId: 6 as KeyId, text })).flat();
      assert.deepEqual(outcomes, ["rotated", "rotated"]);
      const added = (await each.store.keys.list(user.id)).filter(({ id }) => id > 7);
      assert.equal(added.length, 1);
      assert.equal((await events()).filter((event) => event.startsWith("key.added")).length, 1);
    });

    test("aren't activated together, nor changed in another way", async () => {
      for (const patch of [{ status: "active" }, { label: "x" }, {}] as const) {
        const refusal = await refusalOf(change(1, patch, true));
        assert.deepEqual([refusal.code, refusal.detail.fields?.[0]?.field], ["field_invalid", "/with_descendants"]);
      }
      assert.deepEqual(await events(), []);
    });
  });
}
