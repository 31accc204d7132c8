import assert from "node:assert/strict";
import { generatePrimeSync } from "node:crypto";
import { afterEach, beforeEach, describe, test } from "node:test";
import { rsaKeyPair } from "../../../../../../test/testkit/rsa-keys.ts";
import { publicKeyText } from "../../../testing/public-key-text.ts";
import { openTestRegistry, type TestRegistry } from "../../../testing/test-registry.ts";
import { refusalOf } from "../../../testing/refusal-of.ts";
import { NO_POLICY, SYSTEM } from "../../change/change-tx.ts";
import { createCommit } from "../../change/commit.ts";
import { createJobRunner } from "../../jobs/job-runner.ts";
import type { Store } from "../../store/store.ts";
import { parsePublicKey } from "../admission.ts";
import { changeKey, type KeyPatch } from "../changes.ts";
import type { KeyId } from "../model.ts";
import { createKeyExaminer } from "../weakness/key-examiner.ts";
import { createKeyAuditJob, createSharedPrimeJob } from "./audit-jobs.ts";
import type { WeakKeyPolicy } from "./weak-key-policy.ts";
import { createStoredKeyExaminer } from "./stored-key-examiner.ts";

const DAY_S = 86_400;
const [p, q, r] = [prime(1024), prime(1024), prime(1024)] as const;
const PRIME = prime(2048);
const PAIR = rsaKeyPair("alice").publicPem;

function prime(bits: number): bigint {
  return generatePrimeSync(bits, { bigint: true });
}

describe("the audit of stored keys", () => {
  let registry: TestRegistry;
  let published: Set<string>;
  beforeEach(async () => {
    registry = await openTestRegistry();
    published = new Set();
    await registry.changes.createAccount("test", { shortname: "acme" });
    for (const name of ["a", "b"]) await registry.changes.createUser("test", { name, account: "acme", access: "full" });
  });
  afterEach(() => registry.close());

  /** Stores a key as if no release had ever examined it. */
  async function store(text: string, user = "a"): Promise<KeyId> {
    const { id: userId, accountId } = (await registry.store.users.find(`api-1-${user}`)) ?? assert.fail();
    const life = { createdAtMs: registry.clock.wallMs(), expiresAtMs: null, provedAtMs: null, rotatedFrom: null };
    return registry.store.transaction((tx) =>
      tx.keys.insert({ ...parsePublicKey(text), userId, accountId, label: null, networks: [], ...life }),
    );
  }

  /** A node that runs the audit, at once and as often as the test says. */
  function node(policy: WeakKeyPolicy = "report", store: Store = registry.store, name = "a", onPause = () => {}) {
    const { clock } = registry;
    const examiner = createKeyExaminer((hash) => published.has(Buffer.from(hash).toString("hex")));
    const audit = {
      store,
      commit: createCommit(store, clock),
      author: SYSTEM,
      policy,
      examiner: createStoredKeyExaminer(examiner, store.keys),
      clock,
      pause: async () => onPause(),
    };
    const runners = [createSharedPrimeJob(audit), createKeyAuditJob(audit)].map((job) =>
      createJobRunner({ store, clock, holder: name }, job),
    );
    return {
      audit: async () => {
        clock.advanceSeconds(DAY_S);
        for (const runner of runners) await runner.runIfDue();
      },
      stop: () => {
        for (const runner of runners) runner.stop();
      },
    };
  }

  const weaknesses = async () => {
    const users = await Promise.all(["a", "b"].map((name) => registry.store.users.find(`api-1-${name}`)));
    const keys = await Promise.all(users.map((user) => registry.store.keys.list(user?.id ?? assert.fail())));
    return Object.fromEntries(keys.flat().map(({ id, weakness }) => [id, weakness]));
  };
  const events = async () =>
    (await registry.store.events.after(0, 1000)).flatMap(({ action, subject, details }) =>
      action.startsWith("key.")
        ? [[action, subject, ...(details["weakness"] === undefined ? [] : [details["weakness"]])]]
        : [],
    );

  test("finds a weak key that is stored already, and tells of it once; by default it stays active", async () => {
    await store(PAIR);
    const weak = await store(publicKeyText(PRIME));
    const { audit } = node();
    await audit();
    await audit();
    assert.deepEqual(await weaknesses(), { 1: null, [weak]: "prime" });
    assert.deepEqual(await events(), [["key.found_weak", "key:2", "prime"]]);
    assert.equal((await registry.store.keys.find(weak))?.status, "active");
    assert.deepEqual([...(await registry.store.keyAudit.countWeak())], [["prime", 1]]);
    const event = (await registry.store.events.after(0, 1000)).at(-1);
    assert.deepEqual([event?.actor, event?.accountId, event?.details["username"]], ["system", 1, "api-1-a"]);
  });

  test("deactivates a weak key where the policy says so, also one that was known or activated again", async () => {
    const weak = await store(publicKeyText(PRIME));
    await node().audit();
    const strict = node("deactivate", registry.store, "b");
    await strict.audit();
    await registry.changes.setKeyStanding("test", weak, "active");
    await strict.audit();
    await strict.audit();
    assert.deepEqual(await events(), [
      ["key.found_weak", "key:1", "prime"],
      ["key.deactivated", "key:1"],
      ["key.activated", "key:1"],
      ["key.deactivated", "key:1"],
    ]);
  });

  test("a weak key can't be activated where the policy deactivates it, until an audit has cleared it", async () => {
    const key = await store(PAIR);
    const { modulusHash } = parsePublicKey(PAIR);
    const { audit } = node("deactivate");
    published.add(modulusHash);
    await audit();
    const commit = createCommit(registry.store, registry.clock, undefined, { ...NO_POLICY, weakKeysStayOff: true });
    const change = (patch: KeyPatch) => commit((tx) => changeKey(tx, key, patch), { author: SYSTEM });
    const { code, detail } = await refusalOf(change({ status: "active", label: "back" }));
    assert.deepEqual([code, detail.weakness], ["key_weak", "published"]);
    assert.equal((await registry.store.keys.find(key))?.label, null, "nothing is changed");
    await change({ status: "deactivated", label: "weak" });
    published.clear();
    await audit();
    assert.equal((await change({ status: "active" })).result.status, "active");
  });

  test("a key that isn't weak any more is cleared, and is told of again if it becomes weak again", async () => {
    const key = await store(PAIR);
    const { modulusHash } = parsePublicKey(PAIR);
    const { audit } = node();
    published.add(modulusHash);
    await audit();
    assert.deepEqual(await weaknesses(), { [key]: "published" });
    published.clear();
    await audit();
    assert.deepEqual(await weaknesses(), { [key]: null });
    published.add(modulusHash);
    await audit();
    assert.equal((await events()).length, 2);
  });

  test("the same modulus under two users is found at both; if one of them is revoked, the other is weak as revoked", async () => {
    const [one, other] = [await store(PAIR, "a"), await store(PAIR, "b")];
    const { audit } = node();
    await audit();
    assert.deepEqual(await weaknesses(), { [one]: "duplicate", [other]: "duplicate" });
    await registry.changes.revokeKey("test", other);
    await audit();
    assert.deepEqual(await weaknesses(), { [one]: "revoked", [other]: "duplicate" });
  });

  test("a modulus that was revoked without a registered key is found", async () => {
    const key = await store(PAIR);
    registry.rewrite(`insert into revoked_moduli values ('${parsePublicKey(PAIR).modulusHash}', 1)`);
    await node().audit();
    assert.deepEqual(await weaknesses(), { [key]: "revoked" });
  });

  test("two keys that share a prime are both found, and stay weak whatever becomes of the other", async () => {
    const one = await store(publicKeyText(p * q));
    const whole = await store(PAIR);
    const { audit } = node();
    await audit();
    assert.deepEqual(await weaknesses(), { [one]: null, [whole]: null });
    const later = await store(publicKeyText(p * r), "b");
    await audit();
    const both = { [one]: "shared_prime", [whole]: null, [later]: "shared_prime" };
    assert.deepEqual(await weaknesses(), both);
    await registry.changes.revokeKey("test", one);
    await audit();
    assert.deepEqual(await weaknesses(), both);
    assert.equal((await events()).filter(([action]) => action === "key.found_weak").length, 2);
  });

  test("compares no pair of keys twice", async () => {
    const { clock } = registry;
    await store(PAIR);
    const compared: number[][] = [];
    const examiner = createKeyExaminer(() => false);
    const counting: typeof examiner = {
      ...examiner,
      findSharing: (keys, others) => {
        compared.push([keys.length, others.length]);
        return examiner.findSharing(keys, others);
      },
    };
    const job = createSharedPrimeJob({
      store: registry.store,
      commit: createCommit(registry.store, clock),
      author: SYSTEM,
      policy: "report",
      examiner: createStoredKeyExaminer(counting, registry.store.keys),
      clock,
      pause: () => Promise.resolve(),
    });
    const runner = createJobRunner({ store: registry.store, clock, holder: "a" }, job);
    await runner.runIfDue();
    clock.advanceSeconds(DAY_S);
    await runner.runIfDue();
    assert.deepEqual(compared, [[1, 0]]);
    await store(publicKeyText(p * q));
    clock.advanceSeconds(DAY_S);
    await runner.runIfDue();
    assert.deepEqual(compared.slice(1), [
      [1, 0],
      [1, 1],
    ]);
  });

  test("a revoked key isn't examined", async () => {
    const weak = await store(publicKeyText(PRIME));
    await registry.changes.revokeKey("test", weak);
    await node("deactivate").audit();
    assert.deepEqual(await events(), [["key.revoked", "key:1"]]);
  });

  test("a key that an older release added is completed first, so that its duplicate is found the same day", async () => {
    const [one, other] = [await store(PAIR, "a"), await store(PAIR, "b")];
    registry.rewrite("update public_keys set modulus_hash = '', account_id = null, idle_since_day = 0");
    await node().audit();
    assert.deepEqual(await weaknesses(), { [one]: "duplicate", [other]: "duplicate" });
    const { modulusHash } = parsePublicKey(PAIR);
    const days = Math.floor(((await registry.store.keys.find(one))?.createdAtMs ?? 0) / 86_400_000);
    assert.equal((await registry.store.keys.find(one))?.modulusHash, modulusHash);
    assert.deepEqual(
      (await registry.store.keyNotices.listIdle({ idleSinceDay: 0, id: 0 as KeyId }, days, 10)).map(({ id }) => id),
      [one, other],
    );
  });

  test("a stored key that can't be read keeps nothing else from being examined", async () => {
    await store(PAIR, "b");
    const weak = await store(publicKeyText(PRIME));
    registry.rewrite("update public_keys set spki = x'00', modulus_hash = '' where id = 1");
    await node().audit();
    assert.deepEqual(await weaknesses(), { 1: null, [weak]: "prime" });
  });

  describe("in a registry of 120 keys, the first of which are weak", () => {
    const KEYS = 120;
    beforeEach(async () => {
      await store(publicKeyText(PRIME));
      registry.rewrite(`
        with recursive numbers (n) as (select 2 union all select n + 1 from numbers where n < ${KEYS})
        insert into public_keys (id, user_id, fingerprint, thumbprint, bits, spki, status, created_at_ms, modulus_hash, account_id)
        select n, user_id, 'f' || n, 't' || n, bits, spki, 'active', created_at_ms, modulus_hash, account_id
        from numbers, public_keys where id = 1`);
    });
    const found = async () => (await events()).map(([, subject]) => subject);
    const everyKey = Array.from({ length: KEYS }, (_, index) => `key:${index + 1}`);

    test("a node that is stopped between two steps leaves the rest to another, which repeats no finding", async () => {
      let pauses = 0;
      const first = node("report", registry.store, "first", () => {
        pauses++;
        // The first pause is that of the search for shared primes.
        if (pauses === 2) first.stop();
      });
      await first.audit();
      assert.equal((await found()).length, 50);
      assert.equal((await registry.store.jobs.find("key-audit")).position, 50);
      await node("report", await registry.connect(), "second").audit();
      assert.deepEqual(await found(), everyKey);
      assert.deepEqual(await registry.store.jobs.find("key-audit"), {
        ranAtMs: registry.clock.wallMs(),
        position: null,
        isHeld: false,
      });
    });
  });
});
