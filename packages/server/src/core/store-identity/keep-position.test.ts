import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import type { Store } from "../store/store.ts";
import { createPositionKeeper, type PositionReports } from "./keep-position.ts";
import type { Restoration, StorePosition } from "./position.ts";

let registry: TestRegistry;
let remembered: StorePosition | undefined;
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  remembered = undefined;
});
after(async () => {
  for (const each of opened) await each.close();
});

const RESET = { seq: 0, hash: "" };

/** A keeper of the store's position, with the problems that it reported. `written` resolves with the next position. */
function keep(store: Store) {
  const written = Promise.withResolvers<StorePosition>();
  const lost = Promise.withResolvers<Restoration>();
  const unwritten = Promise.withResolvers<unknown>();
  const state = { canWrite: true };
  const reports: PositionReports = {
    onUnwritten: unwritten.resolve,
    onLost: lost.resolve,
    onUnknownLoss: (error) => assert.fail(String(error)),
  };
  const memory = {
    read: () => remembered,
    async write(position: StorePosition) {
      if (!state.canWrite) throw new Error("the disk is full");
      remembered = position;
      written.resolve(position);
    },
  };
  const listener = createPositionKeeper(store, memory, reports);
  return { listener, state, written: written.promise, lost: lost.promise, unwritten: unwritten.promise };
}

describe("the position keeper", () => {
  test("writes the store's position when the feed reports events", async () => {
    const { listener, written } = keep(registry.store);
    await registry.changes.createAccount("test", { shortname: "acme" });
    listener.onEvents([]);
    const { events, ids } = await written;
    assert.deepEqual([events.map(({ action }) => action), ids.accounts], [["account.created"], 1]);
  });

  test("reports a position that can't be written", async () => {
    const { listener, state, unwritten } = keep(registry.store);
    state.canWrite = false;
    listener.onEvents([]);
    assert.equal(String(await unwritten), "Error: the disk is full");
  });

  test("gives up a store on this machine's disk after a reset, and keeps the remembered position", async () => {
    const problems: string[] = [];
    const { listener } = keep({ ...registry.store, giveUp: (problem) => problems.push(problem) });
    listener.onReset(RESET);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /^it lost events while it was open/);
    assert.equal(remembered, undefined);
  });

  test("continues with a shared store after a reset, never reuses a lost id, and reports what was lost", async () => {
    const shared = { ...registry.store };
    delete shared.giveUp;
    await registry.changes.createAccount("test", { shortname: "acme" });
    await registry.changes.createAccount("test", { shortname: "beta" });
    const before = keep(shared);
    before.listener.onEvents([]);
    await before.written;
    registry.rewrite("delete from audit_events where seq = 2; delete from accounts where id = 2");
    const { listener, lost } = keep(shared);
    listener.onReset(RESET);
    const { kind, undone } = await lost;
    assert.deepEqual([kind, undone.map(({ seq }) => seq)], ["older", [2]]);
    assert.equal(remembered?.events.at(-1)?.seq, 1);
    await registry.changes.createAccount("test", { shortname: "gamma" });
    assert.equal((await registry.store.accounts.list()).at(-1)?.id, 3);
  });
});
