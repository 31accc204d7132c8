import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { registryChangesOf, type RegistryChanges } from "../../testing/test-changes.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { unrestrictedAuthor } from "../change/change-tx.ts";
import { NO_POLICY } from "../change/change-tx.ts";
import { createCommit } from "../change/commit.ts";
import { changeAccount } from "../accounts/changes.ts";
import { Refusal } from "../refusal.ts";
import type { KeyId } from "./model.ts";

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1000;
const MAX_MS = 30 * DAY_MS;

describe("the maximum age of keys", () => {
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = await openTestRegistry();
    await registry.changes.createAccount("test", { shortname: "acme" });
    await registry.changes.createUser("test", { name: "demo", account: "acme", access: "full" });
  });
  afterEach(() => registry.close());

  const commitOf = (keyAgeMaxMs: number | null) =>
    createCommit(registry.store, registry.clock, undefined, { ...NO_POLICY, keyAgeMaxMs });
  const changesOf = (keyAgeMaxMs: number | null) => registryChangesOf(commitOf(keyAgeMaxMs));
  const setAccountMax = (keyAgeMaxSeconds: number | null) =>
    commitOf(null)((tx) => changeAccount(tx, "acme", { keyAgeMaxSeconds }), { author: unrestrictedAuthor("test") });
  const add = (changes: RegistryChanges, life: { expiresAtMs?: number; expiresInMs?: number } = {}) =>
    changes.addKey("test", { username: "api-1-demo", text: rsaKeyPair("alice").publicPem, ...life });

  async function refusesLater(change: Promise<unknown>, latestMs: number): Promise<void> {
    await assert.rejects(change, (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, "field_invalid");
      assert.equal(
        error.message,
        `The key's expiry is beyond the maximum age of the account's keys: this key can't expire later than ${new Date(latestMs).toISOString()}.`,
      );
      assert.deepEqual(error.detail.fields, [{ field: "/expires_at", message: error.message }]);
      return true;
    });
  }

  test("is the expiry of a key that is added without one, and of none where there is no maximum age", async () => {
    const nowMs = registry.clock.wallMs();
    const key = await add(changesOf(MAX_MS));
    assert.equal(key.expiresAtMs, nowMs + MAX_MS);
    const event = (await registry.store.events.after(0, 10)).at(-1);
    assert.equal(event?.details["expires_at_ms"], nowMs + MAX_MS);
    await registry.changes.createUser("test", { name: "other", account: "acme", access: "full" });
    const text = rsaKeyPair("bob").publicPem;
    assert.equal((await changesOf(null).addKey("test", { username: "api-1-other", text })).expiresAtMs, null);
  });

  test("is the smaller of the service's and the account's", async () => {
    const nowMs = registry.clock.wallMs();
    for (const [service, account, least] of [
      [MAX_MS, 20 * DAY_S, 20 * DAY_MS],
      [MAX_MS, 40 * DAY_S, MAX_MS],
      [null, 40 * DAY_S, 40 * DAY_MS],
    ] as const) {
      await setAccountMax(account);
      await refusesLater(add(changesOf(service), { expiresInMs: least + 1 }), nowMs + least);
    }
    await setAccountMax(20 * DAY_S);
    assert.equal((await add(changesOf(MAX_MS))).expiresAtMs, nowMs + 20 * DAY_MS);
  });

  test("of an account is a whole number of seconds from an hour to 7300 days", async () => {
    for (const seconds of [0, -1, 3599, 3600.5, 7300 * DAY_S + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(setAccountMax(seconds), /must be from an hour to 7300 days/, String(seconds));
    }
    for (const seconds of [3600, 7300 * DAY_S, null]) {
      assert.equal((await setAccountMax(seconds)).result.keyAgeMaxSeconds, seconds);
    }
  });

  test("bounds an expiry that is given, inclusively", async () => {
    const latestMs = registry.clock.wallMs() + MAX_MS;
    await refusesLater(add(changesOf(MAX_MS), { expiresAtMs: latestMs + 1 }), latestMs);
    await refusesLater(add(changesOf(MAX_MS), { expiresInMs: MAX_MS + 1 }), latestMs);
    assert.equal((await add(changesOf(MAX_MS), { expiresAtMs: latestMs })).expiresAtMs, latestMs);
  });

  test("counts from when a key was added: its expiry can't be moved beyond, nor removed", async () => {
    const changes = changesOf(MAX_MS);
    const key = await add(changes, { expiresInMs: DAY_MS });
    const latestMs = key.createdAtMs + MAX_MS;
    registry.clock.advanceSeconds(DAY_S / 2);
    const expireAt = (expiresAtMs: number | null) => changes.changeKey("test", key.id, { expiresAtMs });
    await refusesLater(expireAt(latestMs + 1), latestMs);
    await refusesLater(expireAt(null), latestMs);
    assert.equal((await expireAt(latestMs)).expiresAtMs, latestMs);
    assert.equal((await changes.changeKey("test", key.id, { label: "still" })).expiresAtMs, latestMs);
  });

  test("doesn't end keys that were added before it was set; their expiry can be brought forward, but not back", async () => {
    const key = await add(changesOf(null));
    registry.clock.advanceSeconds(100 * DAY_S);
    const changes = changesOf(MAX_MS);
    const nowMs = registry.clock.wallMs();
    assert.equal((await changes.changeKey("test", 1 as KeyId, { label: "old" })).expiresAtMs, null);
    const soon = await changes.changeKey("test", 1 as KeyId, { expiresAtMs: nowMs + 14 * DAY_MS });
    assert.equal(soon.expiresAtMs, nowMs + 14 * DAY_MS);
    await refusesLater(
      changes.changeKey("test", 1 as KeyId, { expiresAtMs: nowMs + 15 * DAY_MS }),
      key.createdAtMs + MAX_MS,
    );
  });
});
