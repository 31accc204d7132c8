import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readChainVectors } from "../../testing/vectors.ts";
import type { KeyId } from "../keys/model.ts";
import { findChainBreak } from "./audit-chain.ts";
import { type Event, type EventRow, fromRow, toRow } from "./event.ts";

/** A chain written by the release before events had types; it has every action. */
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
  test("verifies", () => {
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
  test("has the row's id and details as typed members", () => {
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

  test("has no undefined members in its row, since the hash would cover them", () => {
    const row = toRow({ ...REVOKED, accountId: undefined });
    assert.deepEqual(row, REVOKED_ROW);
    assert.deepEqual(toRow({ ...REVOKED, accountId: null }), REVOKED_ROW);
  });

  test("is read even if its row lacks details that no reader acts on", () => {
    const event = fromRow({ ...REVOKED_ROW, details: { username: "api-1-demo" } });
    assert.deepEqual(event, { action: "key.revoked", keyId: 3, username: "api-1-demo" });
  });

  test("keeps details that only another release knows", () => {
    const row = { ...REVOKED_ROW, details: { ...REVOKED_ROW.details, gate_rule: "r1" } };
    assert.deepEqual(toRow(fromRow(row)), row);
  });
});

describe("a row that can't be read", () => {
  for (const [what, changed] of [
    ["has an action of a newer release", { action: "key.renamed" }],
    ["has an action that is a member of every object", { action: "constructor" }],
    ["has a subject that doesn't fit its action", { subject: "user:3" }],
    ["has an id that is no number", { subject: "key:three" }],
    ["has an id in another spelling", { subject: "key:03" }],
    ["has no id", { subject: "key" }],
    ["lacks the username by which the key's user is evicted", { details: { fingerprint: "SHA256:x" } }],
    ["has a username that is no text", { details: { username: 7 } }],
  ] as const) {
    test(`is an unknown event, and stays unchanged, where it ${what}`, () => {
      const row = { ...REVOKED_ROW, ...changed };
      assert.deepEqual(fromRow(row), { action: "unknown", row });
      assert.equal(toRow(fromRow(row)), row);
    });
  }
});
