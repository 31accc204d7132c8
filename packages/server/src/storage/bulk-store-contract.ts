/** Importing many users and keys in one transaction, which must be the same on every engine: one suite, run on each engine. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import { OutdatedComparison } from "../core/bulk/batch-tx.ts";
import { type ExaminedRow, importRows } from "../core/bulk/import-rows.ts";
import { type ImportRow, parseImportRow } from "../core/bulk/import-row.ts";
import { createDryCommit } from "../core/bulk/import-users.ts";
import { verifyChain } from "../core/feed/verify-chain.ts";
import { addKey, changeKey } from "../core/keys/changes.ts";
import type { KeyId } from "../core/keys/model.ts";
import { gcd } from "../core/keys/weakness/numbers.ts";
import { Refusal } from "../core/refusal.ts";
import type { Store } from "../core/store/store.ts";
import { admittedKey } from "../testing/admitted-key.ts";
import { publicKeyText } from "../testing/public-key-text.ts";
import { createRegistryChanges } from "../testing/test-changes.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { insertAccount, openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

const clock = createTestClock();
const AUTHOR = unrestrictedAuthor("test");
const OPTIONS = { unnamedProxy: undefined, keyProof: "optional" } as const;

/** Moduli with unknown factors, without a common one. */
const MODULI: bigint[] = [];
for (let n = 2n ** 2047n + 1n; MODULI.length < 8; n += 2n)
  if (MODULI.every((other) => gcd(n, other) === 1n)) MODULI.push(n);

/** A row as a file has it, whose key counts as examined. */
function examined(values: Readonly<Record<string, unknown>>, keyNumber?: number): ExaminedRow {
  const text = keyNumber === undefined ? undefined : publicKeyText(MODULI[keyNumber] ?? 0n);
  const row: ImportRow = parseImportRow({ account: "acme", ...values, public_key: text }, OPTIONS);
  return { row, admitted: text === undefined ? undefined : admittedKey(text) };
}

async function importAll(store: Store, rows: readonly ExaminedRow[], isDry = false) {
  const commit = createCommit(store, clock);
  const { result } = await (isDry ? createDryCommit(commit) : commit)((tx) => importRows(tx, rows), { author: AUTHOR });
  return result.map((each) => (each instanceof Refusal ? (each.detail.weakness ?? each.code) : each.outcome));
}

export function testBulk(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`an import of many rows on ${name}`, () => {
    const each = openEachStore(open);

    test("writes what the functions for one user and one key write, with the same events", async () => {
      await insertAccount(each.store, "acme");
      const rows = [
        examined({ name: "a", access: "read-only", networks: "192.0.2.0/24 2001:db8::/32", label: "first" }, 0),
        examined({ name: "b", may_rotate: true, status: "deactivated" }),
        examined(
          { name: "a", key_status: "deactivated", expires_at: "2100-01-01T00:00:00Z", key_networks: ["192.0.2.1"] },
          1,
        ),
      ];
      assert.deepEqual(await importAll(each.store, rows), ["created", "created", "key_added"]);
      const [a, b] = await each.store.users.list();
      assert.ok(a !== undefined && b !== undefined);
      const { access, status, networks } = a;
      assert.deepEqual(
        { access, status, networks },
        { access: "read_only", status: "active", networks: ["192.0.2.0/24", "2001:db8::/32"] },
      );
      assert.deepEqual([b.status, b.mayRotate, b.username], ["deactivated", true, "api-1-b"]);
      const keys = await each.store.keys.listOf([b.id, a.id]);
      assert.deepEqual(
        keys.map((key) => [key.username, key.label, key.status, key.expiresAtMs, key.networks]),
        [
          ["api-1-a", "first", "active", null, []],
          ["api-1-a", null, "deactivated", Date.parse("2100-01-01T00:00:00Z"), ["192.0.2.1/32"]],
        ],
      );
      const events = await each.store.events.after(0, 20);
      assert.deepEqual(
        events.map(({ action, subject, actor }) => [action, subject, actor]),
        [
          ["user.created", `user:${a.id}`, "test"],
          ["key.added", `key:${keys[0]?.id}`, "test"],
          ["user.created", `user:${b.id}`, "test"],
          ["user.deactivated", `user:${b.id}`, "test"],
          ["key.added", `key:${keys[1]?.id}`, "test"],
          ["key.deactivated", `key:${keys[1]?.id}`, "test"],
        ],
      );
      assert.equal((await verifyChain(each.store.events)).broken, undefined);
      assert.equal((await each.store.accounts.findListed("acme"))?.users, 2);
      assert.equal((await each.store.users.loadRecord("api-1-a"))?.user.id, a.id);
    });

    test("imports the good rows, and of a bad one nothing", async () => {
      await insertAccount(each.store, "acme");
      const rows = [
        examined({ name: "a" }, 0),
        examined({ name: "b" }, 0),
        examined({ name: "c", account: "nowhere" }, 1),
        examined({ name: "d", expires_at: "2001-01-01T00:00:00Z" }, 2),
        { ...examined({ name: "e" }, 3), admitted: new Refusal("key_weak", "weak", { weakness: "prime" }) },
        examined({ name: "f" }, 4),
      ];
      const results = ["created", "duplicate", "not_found", "field_invalid", "prime", "created"];
      assert.deepEqual(await importAll(each.store, rows), results);
      assert.deepEqual(
        (await each.store.users.list()).map(({ username }) => username),
        ["api-1-a", "api-1-f"],
      );
      assert.equal((await each.store.events.last()).seq, 4);
      assert.equal((await verifyChain(each.store.events)).broken, undefined);
    });

    test("creates a user by a later row if an earlier one of the same user is refused", async () => {
      await insertAccount(each.store, "acme");
      const rows = [
        examined({ name: "a" }, 0),
        examined({ name: "b" }, 0),
        examined({ name: "b" }, 1),
        examined({ name: "b" }, 2),
        examined({ name: "c" }, 3),
      ];
      const results = ["created", "duplicate", "created", "key_added", "created"];
      assert.deepEqual(await importAll(each.store, rows), results);
      assert.deepEqual(
        (await each.store.users.list()).map(({ username }) => username),
        ["api-1-a", "api-1-b", "api-1-c"],
      );
      assert.equal((await verifyChain(each.store.events)).broken, undefined);
    });

    test("refuses a key that was revoked after the import had found it, and one that differs in the exponent alone", async () => {
      await insertAccount(each.store, "acme");
      const row = examined({ name: "a" }, 0);
      assert.deepEqual(await importAll(each.store, [row]), ["created"]);
      const other = JSON.stringify({ ...(JSON.parse(publicKeyText(MODULI[0] ?? 0n)) as object), e: "AQAD" });
      const sameModulus = {
        row: parseImportRow({ account: "acme", name: "a", public_key: other }, OPTIONS),
        admitted: admittedKey(other),
      };
      assert.deepEqual(await importAll(each.store, [sameModulus]), ["duplicate"]);
      const [key] = await each.store.keys.findByModulusHash(row.row.key?.parsed.modulusHash ?? "");
      await createCommit(each.store, clock)((tx) => changeKey(tx, key?.id ?? (0 as never), { status: "revoked" }), {
        author: AUTHOR,
      });
      assert.deepEqual(await importAll(each.store, [{ ...row, admitted: undefined }]), ["revoked"]);
    });

    test("of rows that are there changes nothing, and refuses those that are there with other values", async () => {
      await insertAccount(each.store, "acme");
      const rows = [examined({ name: "a", label: "x" }, 0), examined({ name: "b", access: "full" })];
      assert.deepEqual(await importAll(each.store, rows), ["created", "created"]);
      assert.deepEqual(await importAll(each.store, rows), ["unchanged", "unchanged"]);
      const others = [
        examined({ name: "a" }, 0),
        examined({ name: "a", label: "y" }, 0),
        examined({ name: "b", access: "read_only" }),
        examined({ name: "b" }, 0),
        examined({ name: "b" }, 1),
      ];
      const results = ["unchanged", "conflict", "conflict", "duplicate", "key_added"];
      assert.deepEqual(await importAll(each.store, others), results);
      assert.equal(
        (await each.store.keys.listOf([(await each.store.users.find("api-1-b"))?.id ?? (0 as never)])).length,
        1,
      );
    });

    test("refuses revoked moduli, and keys that share a prime with one that was added after the examination", async () => {
      const account = await insertAccount(each.store, "acme");
      const changes = createRegistryChanges(each.store, clock);
      await changes.createUser("test", { name: "a", account: account.shortname, access: "full" });
      const commit = createCommit(each.store, clock);
      const other = admittedKey(publicKeyText((MODULI[0] ?? 0n) * 3n));
      await commit((tx) => addKey(tx, { username: "api-1-a", admitted: other, proof: undefined }), { author: AUTHOR });
      const { modulusHash } = admittedKey(publicKeyText(MODULI[1] ?? 0n));
      await each.store.transaction(({ keys }) => keys.insertRevokedModulus(modulusHash, 1));
      const rows = [examined({ name: "b" }, 0), examined({ name: "c" }, 1), examined({ name: "d" }, 2)];
      assert.deepEqual(await importAll(each.store, rows), ["shared_prime", "revoked", "created"]);
    });

    test("adds nothing if more keys came since the comparison than a transaction compares with", async () => {
      await insertAccount(each.store, "acme");
      const others = Array.from({ length: 257 }, (_, index) =>
        admittedKey(publicKeyText(2n ** 2100n + 2n * BigInt(index) + 1n)),
      );
      const userId = (
        await createRegistryChanges(each.store, clock).createUser("test", {
          name: "a",
          account: "acme",
          access: "full",
        })
      ).id;
      const { accountId } = (await each.store.users.find("api-1-a")) ?? { accountId: 0 as never };
      const origin = {
        label: null,
        createdAtMs: 1,
        expiresAtMs: null,
        provedAtMs: null,
        rotatedFrom: null,
        networks: [],
      };
      await each.store.transaction(async ({ keys }) => {
        for (const admitted of others) await keys.insert({ ...admitted, userId, accountId, ...origin });
      });
      const newest = (await each.store.highestIds()).keys;
      const { row, admitted } = examined({ name: "b" }, 0);
      assert.ok(admitted !== undefined && !(admitted instanceof Refusal));
      await assert.rejects(importAll(each.store, [{ row, admitted }]), OutdatedComparison);
      assert.equal(await each.store.users.find("api-1-b"), undefined);
      const again = { ...admitted, comparedThrough: newest as KeyId };
      assert.deepEqual(await importAll(each.store, [{ row, admitted: again }]), ["created"]);
      assert.deepEqual(await importAll(each.store, [examined({ name: "c" })]), ["created"], "without a key");
    });

    test("allows no more keys of a user than one by one", async () => {
      await insertAccount(each.store, "acme");
      const moduli = Array.from(
        { length: 21 },
        (_, index) => 2n ** 3000n + (MODULI[0] ?? 0n) * 2n ** BigInt(index) + 1n,
      );
      const rows = moduli.map((modulus) => {
        const admitted = { ...admittedKey(publicKeyText(modulus)), comparedThrough: 1_000_000 as never };
        return {
          row: parseImportRow({ account: "acme", name: "a", public_key: publicKeyText(modulus) }, OPTIONS),
          admitted,
        };
      });
      const results = await importAll(each.store, rows);
      assert.deepEqual(results.slice(-2), ["key_added", "conflict"]);
    });

    test("by two processes at once adds each user and key once", async () => {
      await insertAccount(each.store, "acme");
      const other = await each.connect();
      const rows = MODULI.map((_, index) => examined({ name: `client-${index}` }, index));
      const [one, two] = await Promise.all([importAll(each.store, rows), importAll(other, rows.toReversed())]);
      assert.deepEqual([...one, ...two].filter((outcome) => outcome === "created").length, MODULI.length);
      assert.equal((await each.store.users.list()).length, MODULI.length);
      assert.equal((await verifyChain(each.store.events)).broken, undefined);
    });

    test("leaves ids that later users and keys don't get again", async () => {
      await insertAccount(each.store, "acme");
      const changes = createRegistryChanges(each.store, clock);
      await importAll(each.store, [examined({ name: "a" }, 0), examined({ name: "b" }, 1)]);
      const user = await changes.createUser("test", { name: "c", account: "acme", access: "full" });
      await importAll(each.store, [examined({ name: "d" }, 2)]);
      const ids = (await each.store.users.list()).map(({ id }) => id);
      assert.equal(new Set(ids).size, 4);
      assert.ok(user.id > (ids[1] ?? 0) && user.id < (ids[3] ?? 0));
    });

    test("as a dry run tells the same and changes nothing", async () => {
      await insertAccount(each.store, "acme");
      const before = await each.store.events.last();
      const rows = [examined({ name: "a" }, 0), examined({ name: "b" }, 0)];
      assert.deepEqual(await importAll(each.store, rows, true), ["created", "duplicate"]);
      assert.deepEqual(await each.store.events.last(), before);
      assert.deepEqual(await each.store.users.list(), []);
    });

    test("of more rows than one statement takes is complete", async () => {
      await insertAccount(each.store, "acme");
      const rows = Array.from({ length: 1100 }, (_, index) => examined({ name: `client-${index}` }));
      const results = await importAll(each.store, rows);
      assert.ok(results.every((outcome) => outcome === "created"));
      assert.equal((await each.store.events.last()).seq, 1100);
      assert.equal((await each.store.users.list()).length, 1100);
    });
  });
}
