import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import type { RefusalCode } from "@countersign/protocol";
import { createSystemRandom } from "../../platform/random.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { findChainBreak } from "../feed/audit-chain.ts";
import { isClientSecret, matchesSecretHash } from "./client-secret.ts";
import type { ResourceServer } from "./model.ts";
import { Refusal } from "../refusal.ts";
import { GRACE_MS_MAX } from "./changes.ts";
import { createResourceServerChanges, type ResourceServerChanges } from "../../testing/test-changes.ts";

const ACTOR = "cli:alice";
let registry: TestRegistry;
let servers: ResourceServerChanges;
/** The number of events each time a change was about to be acknowledged. */
let acknowledged: number[];
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  acknowledged = [];
  servers = createResourceServerChanges(registry.store, registry.clock, createSystemRandom(), async () => {
    acknowledged.push((await registry.store.events.last()).seq);
  });
});
after(async () => {
  for (const each of opened) await each.close();
});

const events = () => registry.store.events.after(0, 100);
const nowMs = () => Math.floor(registry.clock.nowMicroseconds() / 1000);

async function stored(): Promise<ResourceServer> {
  const [server] = await registry.store.resourceServers.list();
  assert.ok(server !== undefined);
  return server;
}

async function refuses(change: () => Promise<unknown>, code: RefusalCode, says: RegExp): Promise<void> {
  const before = await events();
  await assert.rejects(
    async () => change(),
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, says);
      return true;
    },
  );
  assert.deepEqual(await events(), before, "a refused change leaves no event");
}

describe("creating a resource server", () => {
  test("gives a secret, of which the store keeps only the hash, and an event without either", async () => {
    const { server, secret } = await servers.create(ACTOR, "shop");
    assert.ok(isClientSecret(secret));
    const { secretHash, ...rest } = server;
    assert.deepEqual(rest, {
      id: 1,
      clientId: "rs-1",
      name: "shop",
      status: "active",
      previousSecret: null,
      createdAtMs: nowMs(),
    });
    assert.ok(matchesSecretHash(secret, secretHash));
    assert.deepEqual(await stored(), server);
    const [event] = await events();
    const { seq, atMs, actor, action, subject, details } = event ?? assert.fail("there is an event");
    assert.deepEqual(
      { seq, atMs, actor, action, subject, details },
      {
        seq: 1,
        atMs: nowMs(),
        actor: ACTOR,
        action: "resource_server.created",
        subject: "resource_server:1",
        details: { name: "shop" },
      },
    );
    assert.deepEqual(acknowledged, [1], "acknowledged after the commit");
  });

  test("is refused for a name that is taken or invalid", async () => {
    await servers.create(ACTOR, "shop");
    await refuses(() => servers.create(ACTOR, "shop"), "conflict", /^The resource server shop exists already\.$/);
    for (const name of ["", "Shop", "a b", "-a", "a".repeat(64), "a\n"]) {
      await refuses(() => servers.create(ACTOR, name), "field_invalid", /^The name must be 1 to 63 lower-case letters/);
    }
    assert.equal((await registry.store.resourceServers.list()).length, 1);
    assert.deepEqual(acknowledged, [1]);
  });
});

describe("rotating a secret", () => {
  test("replaces it at once unless a grace is given", async () => {
    const first = await servers.create(ACTOR, "shop");
    const second = await servers.rotate(ACTOR, "shop", 0);
    assert.notEqual(second.secret, first.secret);
    const server = await stored();
    assert.deepEqual(server, second.server);
    assert.ok(matchesSecretHash(second.secret, server.secretHash));
    assert.equal(server.previousSecret, null);
    assert.deepEqual((await events()).at(-1)?.details, { name: "shop", previous_secret_ends_at_ms: null });
  });

  test("keeps the previous secret valid until the grace ends, and no older one", async () => {
    const first = await servers.create(ACTOR, "shop");
    const second = await servers.rotate(ACTOR, "shop", 60_000);
    assert.deepEqual((await stored()).previousSecret, { hash: first.server.secretHash, endsAtMs: nowMs() + 60_000 });
    registry.clock.advanceSeconds(1);
    const third = await servers.rotate(ACTOR, "shop", 1);
    assert.deepEqual((await stored()).previousSecret, { hash: second.server.secretHash, endsAtMs: nowMs() + 1 });
    await servers.rotate(ACTOR, "shop", 0);
    assert.equal((await stored()).previousSecret, null, "without a grace, the older one's grace ends too");
    assert.ok(!matchesSecretHash(third.secret, (await stored()).secretHash));
    const last = (await events())
      .slice(1)
      .map(({ action, details }) => [action, details["previous_secret_ends_at_ms"]]);
    assert.deepEqual(last, [
      ["resource_server.rotated", nowMs() - 1000 + 60_000],
      ["resource_server.rotated", nowMs() + 1],
      ["resource_server.rotated", null],
    ]);
  });

  test("accepts a grace from 0 to 30 days, inclusive", async () => {
    await servers.create(ACTOR, "shop");
    for (const graceMs of [-1, GRACE_MS_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await refuses(() => servers.rotate(ACTOR, "shop", graceMs), "field_invalid", /from 0 to 30 days/);
    }
    assert.equal(GRACE_MS_MAX, 30 * 24 * 3600 * 1000);
    await servers.rotate(ACTOR, "shop", GRACE_MS_MAX);
    assert.equal((await stored()).previousSecret?.endsAtMs, nowMs() + GRACE_MS_MAX);
  });

  test("is refused for an unknown server, whose name isn't repeated unchanged", async () => {
    await refuses(
      () => servers.rotate(ACTOR, "a\u001b[31m", 0),
      "not_found",
      /^There is no resource server a\?\[31m\. /,
    );
  });
});

describe("a resource server's standing", () => {
  test("changes with an event each time, and setting it to its present value changes nothing", async () => {
    const { server } = await servers.create(ACTOR, "shop");
    assert.deepEqual(await servers.setStanding(ACTOR, "shop", "active"), server);
    assert.equal((await events()).length, 1);
    assert.deepEqual(await servers.setStanding(ACTOR, "shop", "deactivated"), { ...server, status: "deactivated" });
    assert.equal((await stored()).status, "deactivated");
    await servers.setStanding(ACTOR, "shop", "deactivated");
    assert.deepEqual(await servers.setStanding(ACTOR, "shop", "active"), server);
    assert.deepEqual(await stored(), server);
    assert.deepEqual(
      (await events()).map(({ action }) => action),
      ["resource_server.created", "resource_server.deactivated", "resource_server.activated"],
    );
  });

  test("is refused for an unknown server", async () => {
    for (const standing of ["active", "deactivated"] as const) {
      await refuses(
        () => servers.setStanding(ACTOR, "shop", standing),
        "not_found",
        /^There is no resource server shop\. /,
      );
    }
  });

  test("affects neither its secrets nor another server", async () => {
    await servers.create(ACTOR, "other");
    await servers.create(ACTOR, "shop");
    await servers.rotate(ACTOR, "shop", 60_000);
    const [other, before] = await registry.store.resourceServers.list();
    await servers.setStanding(ACTOR, "shop", "deactivated");
    assert.deepEqual(await registry.store.resourceServers.list(), [other, { ...before, status: "deactivated" }]);
    await servers.rotate(ACTOR, "shop", 0);
    assert.equal(
      (await registry.store.resourceServers.list())[1]?.status,
      "deactivated",
      "rotating doesn't activate it",
    );
  });
});

test("the events of all changes continue the chain, and hold neither a secret nor the hash of one", async () => {
  await registry.changes.createAccount(ACTOR, { shortname: "acme" });
  const made = [await servers.create(ACTOR, "shop"), await servers.create(ACTOR, "other")];
  for (const graceMs of [0, 1000, 60_000]) made.push(await servers.rotate(ACTOR, "shop", graceMs));
  await servers.setStanding(ACTOR, "shop", "deactivated");
  await servers.setStanding(ACTOR, "shop", "active");
  const all = await events();
  assert.equal(all.length, 8);
  assert.equal(findChainBreak(all, undefined), undefined);
  const text = JSON.stringify(all);
  for (const { secret, server } of made) {
    assert.ok(!text.includes(secret.slice(5, 25)));
    assert.ok(!text.includes(server.secretHash.slice(0, 20)));
  }
  assert.deepEqual(acknowledged, [2, 3, 4, 5, 6, 7, 8]);
});
