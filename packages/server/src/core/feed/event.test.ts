import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readChainVectors } from "../../testing/vectors.ts";
import type { KeyId } from "../keys/model.ts";
import { findChainBreak } from "./audit-chain.ts";
import { type Event, type EventRow, fromRow, toRow } from "./event.ts";

/** Written by the release before events had types; it has every action. */
const chain = readChainVectors();

const REVOKED: Event = {
  action: "key.revoked",
  keyId: 3 as KeyId,
  username: "api-1-demo",
  fingerprint: "SHA256:x",
};
const REVOKED_ROW: EventRow = {
  action: "key.revoked",
  subject: "key:3",
  details: { username: "api-1-demo", fingerprint: "SHA256:x" },
};

describe("a chain that an earlier release wrote", () => {
  test("is whole", () => {
    assert.equal(findChainBreak(chain, undefined), undefined);
    assert.equal(new Set(chain.map(({ action }) => action)).size, 35);
  });

  for (const row of chain) {
    test(`gives the same row again, byte for byte: ${row.seq} ${row.action}`, () => {
      const event = fromRow(row);
      assert.equal(event.action, row.action);
      const { action, subject, details, accountId } = row;
      assert.equal(JSON.stringify(toRow(event)), JSON.stringify({ action, subject, details, accountId }));
    });
  }
});

describe("an event", () => {
  test("has the row's id and details under names of its own, with their types", () => {
    assert.deepEqual(fromRow(REVOKED_ROW), REVOKED);
    assert.deepEqual(toRow(REVOKED), REVOKED_ROW);
    const rotated = fromRow({
      action: "resource_server.rotated",
      subject: "resource_server:2",
      details: { name: "shop", previous_secret_ends_at_ms: null },
    });
    assert.deepEqual(rotated, {
      action: "resource_server.rotated",
      resourceServerId: 2,
      name: "shop",
      previousSecretEndsAtMs: null,
    });
  });

  test("leaves out of its row what isn't given, since the hash would cover it", () => {
    const row = toRow({ ...REVOKED, accountId: undefined });
    assert.deepEqual(row, REVOKED_ROW);
    assert.deepEqual(toRow({ ...REVOKED, accountId: null }), REVOKED_ROW);
  });

  test("of which a row lacks details that no reader acts on is read all the same", () => {
    const event = fromRow({ ...REVOKED_ROW, details: { username: "api-1-demo" } });
    assert.deepEqual(event, { action: "key.revoked", keyId: 3, username: "api-1-demo" });
  });

  test("keeps details that only another version knows", () => {
    const row = { ...REVOKED_ROW, details: { ...REVOKED_ROW.details, gate_rule: "r1" } };
    assert.deepEqual(toRow(fromRow(row)), row);
  });
});

describe("a row that can't be read", () => {
  for (const [what, changed] of [
    ["has an action of a newer version", { action: "key.renamed" }],
    ["has an action that is a name of every object", { action: "constructor" }],
    ["is about something else than its action says", { subject: "user:3" }],
    ["has an id that is no number", { subject: "key:three" }],
    ["has an id in another spelling", { subject: "key:03" }],
    ["has no id", { subject: "key" }],
    ["lacks the username by which the key's user is evicted", { details: { fingerprint: "SHA256:x" } }],
    ["has a username that is no text", { details: { username: 7 } }],
  ] as const) {
    test(`is unknown, and stays as it is, where it ${what}`, () => {
      const row = { ...REVOKED_ROW, ...changed };
      assert.deepEqual(fromRow(row), { action: "unknown", row });
      assert.equal(toRow(fromRow(row)), row);
    });
  }
});
