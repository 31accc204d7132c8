import assert from "node:assert/strict";
import { createPublicKey, generatePrimeSync } from "node:crypto";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { admittedKey } from "../../testing/admitted-key.ts";
import { publicKeyText } from "../../testing/public-key-text.ts";
import { refusalOf } from "../../testing/refusal-of.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { unrestrictedAuthor } from "../change/change-tx.ts";
import { type Commit, createCommit } from "../change/commit.ts";
import { Refusal } from "../refusal.ts";
import { parsePublicKey } from "./admission.ts";
import { type AdmitKey, createAdmitKey, createKeyGate } from "./admit-key.ts";
import { addKey, changeKey } from "./changes.ts";
import { findSharedPrimes } from "./find-shared-primes.ts";
import type { KeyId } from "./model.ts";
import { createFindStoredWeakness } from "./stored-weakness.ts";
import { COMPARED_KEYS_MAX, createKeyExaminer, type KeyExaminer } from "./weakness/key-examiner.ts";

const AUTHOR = unrestrictedAuthor("test");
const PRIMES = Array.from({ length: 8 }, () => {
  // The top two bits are set, so that a product of two has twice as many bits.
  return generatePrimeSync(1024, { bigint: true });
});
const [p, q, r, s, t, u] = PRIMES as [bigint, bigint, bigint, bigint, bigint, bigint];

let registry: TestRegistry;
let examiner: KeyExaminer;
let commit: Commit;
let admitKey: AdmitKey;

beforeEach(async () => {
  registry = await openTestRegistry();
  examiner = createKeyExaminer(() => false);
  commit = createCommit(registry.store, registry.clock);
  admitKey = createAdmitKey(examiner, registry.store);
  await registry.changes.createAccount("test", { shortname: "acme" });
  for (const name of ["one", "two"]) {
    await registry.changes.createUser("test", { name, account: "acme", access: "full" });
  }
});
const opened: TestRegistry[] = [];
afterEach(() => opened.push(registry));
after(async () => {
  for (const each of opened) await each.close();
});

const admit = (text: string) => admitKey(parsePublicKey(text), "test");

async function add(username: string, text: string) {
  const admitted = await admit(text);
  return (await commit((tx) => addKey(tx, { username, admitted, proof: undefined }), { author: AUTHOR })).result;
}

async function weaknessOf(adding: Promise<unknown>) {
  const refusal = await refusalOf(adding);
  assert.equal(refusal.code, "key_weak");
  assert.equal(refusal.detail.fields?.[0]?.field, "/public_key");
  return refusal.detail.weakness;
}

describe("a key that comes in", () => {
  test("is refused with its weakness before a transaction begins", async () => {
    assert.equal(await weaknessOf(admit(publicKeyText(p * p))), "perfect_power");
    assert.equal(await weaknessOf(admit(publicKeyText(3n * p * q))), "small_factor");
  });

  test("is refused if it shares a prime with a registered key, in any status and under any user", async () => {
    const { id } = await add("api-1-one", publicKeyText(p * q));
    for (const status of ["active", "deactivated", "revoked"] as const) {
      await commit((tx) => changeKey(tx, id, { status }), { author: AUTHOR });
      for (const username of ["api-1-one", "api-1-two"]) {
        assert.equal(await weaknessOf(add(username, publicKeyText(q * r))), "shared_prime");
      }
    }
    await add("api-1-one", publicKeyText(r * s));
  });

  test("is a duplicate if it has the modulus of a registered key, and revoked once that was revoked", async () => {
    const { id } = await add("api-1-one", publicKeyText(p * q));
    for (const e of ["AQAB", "AQAD"]) {
      assert.equal(await weaknessOf(add("api-1-two", publicKeyText(p * q, e))), "duplicate");
    }
    await commit((tx) => changeKey(tx, id, { status: "revoked" }), { author: AUTHOR });
    for (const e of ["AQAB", "AQAD"]) {
      assert.equal(await weaknessOf(add("api-1-two", publicKeyText(p * q, e))), "revoked");
    }
  });

  test("is refused if its modulus was revoked without a registered key", async () => {
    const { modulusHash } = parsePublicKey(publicKeyText(p * q));
    registry.rewrite(`insert into revoked_moduli values ('${modulusHash}', 1)`);
    assert.equal(await weaknessOf(add("api-1-one", publicKeyText(p * q, "AQAD"))), "revoked");
  });

  test("is compared in the transaction with keys that were added since it was examined", async () => {
    const admitted = await admit(publicKeyText(p * q));
    const same = await admit(publicKeyText(p * q, "AQAD"));
    await add("api-1-one", publicKeyText(q * r));
    const adding = (key: typeof admitted) =>
      commit((tx) => addKey(tx, { username: "api-1-two", admitted: key, proof: undefined }), { author: AUTHOR });
    assert.equal(await weaknessOf(adding(admitted)), "shared_prime");
    await commit(
      (tx) => addKey(tx, { username: "api-1-one", admitted: admittedKey(publicKeyText(s * t)), proof: undefined }),
      {
        author: AUTHOR,
      },
    );
    assert.equal(await weaknessOf(adding(same)), "shared_prime");
  });

  test("of one modulus is added once, however many are added at the same time", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        add(index % 2 === 0 ? "api-1-one" : "api-1-two", publicKeyText(p * q, index % 3 === 0 ? "AQAD" : "AQAB")),
      ),
    );
    const added = outcomes.filter(({ status }) => status === "fulfilled");
    assert.equal(added.length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      assert.ok(outcome.reason instanceof Refusal);
      assert.equal(outcome.reason.detail.weakness, "duplicate");
    }
  });

  test("is refused as long as it can't be examined, and examined once it can", async () => {
    let fails = true;
    const failing: KeyExaminer = {
      ...examiner,
      learntThrough: () => examiner.learntThrough(),
      learn: (keys) => (fails ? Promise.reject(new Refusal("unavailable", "no")) : examiner.learn(keys)),
    };
    await add("api-1-one", publicKeyText(p * q));
    await examiner.forget();
    admitKey = createAdmitKey(failing, registry.store);
    assert.equal((await refusalOf(admit(publicKeyText(r * s)))).code, "unavailable");
    fails = false;
    assert.equal(await weaknessOf(add("api-1-one", publicKeyText(q * r))), "shared_prime");
    await add("api-1-one", publicKeyText(r * s));
  });

  test("isn't compared with keys that a restored store has lost", async () => {
    await add("api-1-one", publicKeyText(p * q));
    const { store } = registry;
    let storeId = await store.storeId();
    admitKey = createAdmitKey(examiner, {
      keys: store.keys,
      storeId: () => Promise.resolve(storeId),
      highestIds: () => store.highestIds(),
    });
    assert.equal((await admit(publicKeyText(q * r))).sharesPrime, true);
    registry.rewrite("delete from public_keys");
    storeId = "another";
    assert.equal((await admit(publicKeyText(q * r))).sharesPrime, false);
  });

  test(`is compared with the newest ${COMPARED_KEYS_MAX} registered keys, which are read once and in pages`, async () => {
    const reads: [KeyId, number][] = [];
    const newest = COMPARED_KEYS_MAX + 1000;
    const learnt: KeyId[] = [];
    admitKey = createAdmitKey(
      {
        ...examiner,
        learntThrough: () => learnt.at(-1) ?? (0 as KeyId),
        learn: (keys) => Promise.resolve(void learnt.push(...keys.map(({ id }) => id))),
      },
      {
        keys: {
          listModuli: (after, limit) => {
            reads.push([after, limit]);
            const ids = Array.from({ length: Math.min(limit, newest - after) }, (_, index) => after + index + 1);
            return Promise.resolve(ids.map((id) => ({ id: id as KeyId, spki: Buffer.alloc(0) })));
          },
        },
        storeId: () => Promise.resolve("id"),
        highestIds: async () => ({ ...(await registry.store.highestIds()), keys: newest }),
      },
    );
    const admitted = await Promise.all([admit(publicKeyText(p * q)), admit(publicKeyText(r * s))]);
    assert.deepEqual(
      admitted.map(({ comparedThrough }) => comparedThrough),
      [newest, newest],
    );
    assert.equal(learnt.length, COMPARED_KEYS_MAX);
    assert.equal(learnt[0], 1001);
    assert.ok(reads.every(([, limit]) => limit === 500));
    assert.equal(reads.length, COMPARED_KEYS_MAX / 500);
  });

  test("waits for two readings of the registry at most, however many keys came in before it", async () => {
    let readings = 0;
    const [begun, first] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    admitKey = createAdmitKey(examiner, {
      keys: registry.store.keys,
      highestIds: () => registry.store.highestIds(),
      storeId: async () => {
        readings++;
        begun.resolve();
        await first.promise;
        return registry.store.storeId();
      },
    });
    const one = admit(publicKeyText(p * q));
    await begun.promise;
    const others = Array.from({ length: 20 }, () => admit(publicKeyText(r * s)));
    first.resolve();
    await Promise.all([one, ...others]);
    assert.equal(readings, 2);
    await admit(publicKeyText(t * u));
    assert.equal(readings, 3);
  });
});

describe("a stored key", () => {
  const insert = (username: string, text: string, now = admittedKey(text)) =>
    registry.store.transaction(async (tx) => {
      const user = await tx.users.find(username);
      assert.ok(user !== undefined);
      return tx.keys.insert({
        ...now,
        userId: user.id,
        accountId: user.accountId,
        label: null,
        createdAtMs: 1,
        expiresAtMs: null,
        provedAtMs: null,
        rotatedFrom: null,
        networks: [],
      });
    });

  async function findWeakness(id: KeyId) {
    const { keys } = registry.store;
    const key = await keys.find(id);
    assert.ok(key !== undefined);
    return createFindStoredWeakness(examiner, keys)(key, await findSharedPrimes(examiner, keys));
  }

  test("has the weakness with which it would be refused now", async () => {
    const strong = await insert("api-1-one", publicKeyText(r * s));
    const square = await insert("api-1-one", publicKeyText(p * p));
    assert.equal(await findWeakness(strong), null);
    assert.equal(await findWeakness(square), "perfect_power");
  });

  test("is a duplicate if another has its modulus, whichever was added first, and revoked if that was revoked", async () => {
    const first = await insert("api-1-one", publicKeyText(p * q));
    const second = await insert("api-1-two", publicKeyText(p * q));
    const third = await insert("api-1-two", publicKeyText(p * q, "AQAD"));
    assert.deepEqual(await Promise.all([first, second, third].map(findWeakness)), [
      "duplicate",
      "duplicate",
      "duplicate",
    ]);
    await commit((tx) => changeKey(tx, second, { status: "revoked" }), { author: AUTHOR });
    assert.deepEqual(await Promise.all([first, second, third].map(findWeakness)), ["revoked", "duplicate", "revoked"]);
  });

  test("shares a prime with any other key, whichever was added first; keys of one modulus don't share one", async () => {
    const ids = [
      await insert("api-1-one", publicKeyText(p * q)),
      await insert("api-1-one", publicKeyText(r * s)),
      await insert("api-1-two", publicKeyText(s * t)),
      await insert("api-1-two", publicKeyText(p * q)),
      await insert("api-1-two", publicKeyText(t * u)),
    ];
    const weaknesses = ["duplicate", "shared_prime", "shared_prime", "duplicate", "shared_prime"];
    assert.deepEqual(await Promise.all(ids.map(findWeakness)), weaknesses);
    const { keys } = registry.store;
    // In blocks of one key each, and of pairs with a later key only.
    const inBlocks = { ...keys, listModuli: (after: KeyId) => keys.listModuli(after, 1) };
    const sharing = new Set([ids[1], ids[2], ids[4]]);
    assert.deepEqual(await findSharedPrimes(examiner, inBlocks), sharing);
    assert.deepEqual(await findSharedPrimes(examiner, inBlocks, ids[3]), new Set([ids[2], ids[4]]));
    assert.deepEqual(await findSharedPrimes(examiner, inBlocks, ids[4]), new Set());
  });

  test("isn't made weak by a multiple of its modulus, which anybody can register; the multiple is weak", async () => {
    const key = await insert("api-1-one", publicKeyText(p * q));
    const multiple = await insert("api-1-two", publicKeyText(p * q * r));
    const { keys } = registry.store;
    const inBlocks = { ...keys, listModuli: (after: KeyId) => keys.listModuli(after, 1) };
    assert.deepEqual(await findSharedPrimes(examiner, keys), new Set([multiple]));
    assert.deepEqual(await findSharedPrimes(examiner, inBlocks), new Set([multiple]));
    const other = await insert("api-1-two", publicKeyText(q * s));
    assert.deepEqual(await findSharedPrimes(examiner, keys), new Set([key, multiple, other]));
    assert.deepEqual(await findSharedPrimes(examiner, inBlocks), new Set([key, multiple, other]));
  });

  test("that is too short has the weakness size, and one with another exponent has the weakness exponent", async () => {
    const parsed = admittedKey(publicKeyText(p * q));
    const spkiOf = (text: string) =>
      createPublicKey({ key: JSON.parse(text), format: "jwk" }).export({ format: "der", type: "spki" });
    const short = publicKeyText(generatePrimeSync(512, { bigint: true }) * generatePrimeSync(512, { bigint: true }));
    const one = await insert("api-1-one", short, { ...parsed, thumbprint: "1", modulusHash: "1", spki: spkiOf(short) });
    const two = await insert("api-1-one", short, {
      ...parsed,
      thumbprint: "2",
      modulusHash: "2",
      spki: spkiOf(publicKeyText(p * q, "Aw")),
    });
    assert.deepEqual(await Promise.all([one, two].map(findWeakness)), ["size", "exponent"]);
  });
});

describe("examining many keys at once", () => {
  const texts = () => [p * q, r * s, t * u].map((n) => publicKeyText(n));

  async function verdicts(keys: readonly string[]) {
    const { admitKeys } = createKeyGate(examiner, registry.store);
    const admitted = await admitKeys(keys.map(parsePublicKey), "test")();
    return admitted.map((each) => (each instanceof Refusal ? each.detail.weakness : each.sharesPrime));
  }

  test("has the result of each key, in their order, also if one comes twice", async () => {
    const [first = "", second = ""] = texts();
    const square = publicKeyText(u * u);
    assert.deepEqual(await verdicts([first, square, second, first]), [false, "perfect_power", false, false]);
    assert.deepEqual(await verdicts([]), []);
  });

  test("finds a prime in common with a registered key, and with another one of them", async () => {
    await add("api-1-one", publicKeyText(p * q));
    assert.deepEqual(await verdicts([p * r, s * t, t * u].map((n) => publicKeyText(n))), [true, true, true]);
    assert.deepEqual(await verdicts([r * s, t * u].map((n) => publicKeyText(n))), [false, false]);
  });

  test("compares with the keys that are registered when the result is asked for", async () => {
    const { admitKeys } = createKeyGate(examiner, registry.store);
    const finish = admitKeys([parsePublicKey(publicKeyText(p * r))], "test");
    const { id } = await add("api-1-one", publicKeyText(p * q));
    const [admitted] = await finish();
    assert.ok(admitted !== undefined && !(admitted instanceof Refusal));
    assert.deepEqual([admitted.sharesPrime, admitted.comparedThrough], [true, id]);
  });

  test("admits none if the examiner fails, and reports it to who asks for the result", async () => {
    const failing: KeyExaminer = {
      ...examiner,
      findWeaknesses: () => Promise.reject(new Refusal("unavailable", "full")),
    };
    const { admitKeys } = createKeyGate(failing, registry.store);
    const refusal = await refusalOf(admitKeys([parsePublicKey(publicKeyText(p * q))], "test")());
    assert.equal(refusal.code, "unavailable");
  });
});
