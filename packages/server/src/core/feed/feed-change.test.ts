import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FeedChange } from "@countersign/protocol";
import { type AuditAction, type EventRow, fromRow } from "./event.ts";
import { toFeedChange } from "./feed-change.ts";

const KEY_DETAILS = { username: "api-1-demo", fingerprint: "SHA256:secretly", bits: 2048, expires_at_ms: null };
const OPERATOR_DETAILS = { email: "alice@example.com", role: "owner", account: null };
const SERVER_DETAILS = { name: "shop", previous_secret_ends_at_ms: 9 };
const WEBHOOK_DETAILS = { origin: "https://hooks.example", events: "key.*" };

/** Every action there is, with an event of it; the compiler finds one that is missing. */
const CHANGES: Record<AuditAction, readonly [subject: string, EventRow["details"], FeedChange | undefined]> = {
  "account.created": ["account:1", { shortname: "acme", name: "Acme Ltd" }, undefined],
  "account.activated": ["account:1", { shortname: "acme" }, { action: "account.activated", account: "acme" }],
  "account.deactivated": ["account:1", { shortname: "acme" }, { action: "account.deactivated", account: "acme" }],
  "account.changed": ["account:1", { shortname: "acme", key_age_max_seconds: null }, undefined],
  "account.described": ["account:1", { shortname: "acme", notes: "contact" }, undefined],
  "account.archived": ["account:1", { shortname: "acme" }, undefined],
  "account.restored": ["account:1", { shortname: "acme" }, undefined],
  "user.created": ["user:1", { username: "api-1-demo", account: "acme", access: "full" }, undefined],
  "user.activated": ["user:1", { username: "api-1-demo" }, { action: "user.activated", username: "api-1-demo" }],
  "user.deactivated": ["user:1", { username: "api-1-demo" }, { action: "user.deactivated", username: "api-1-demo" }],
  "user.changed": ["user:1", { username: "api-1-demo", may_rotate: true, networks: "" }, undefined],
  "user.access_changed": [
    "user:1",
    { username: "api-1-demo", access: "read_only" },
    { action: "user.access_changed", username: "api-1-demo" },
  ],
  "user.described": ["user:1", { username: "api-1-demo", notes: "contact" }, undefined],
  "user.archived": ["user:1", { username: "api-1-demo" }, undefined],
  "user.restored": ["user:1", { username: "api-1-demo" }, undefined],
  "key.added": ["key:3", KEY_DETAILS, { action: "key.added", username: "api-1-demo", key_id: 3 }],
  "key.activated": ["key:3", KEY_DETAILS, { action: "key.activated", username: "api-1-demo", key_id: 3 }],
  "key.deactivated": ["key:3", KEY_DETAILS, { action: "key.deactivated", username: "api-1-demo", key_id: 3 }],
  "key.revoked": ["key:3", KEY_DETAILS, { action: "key.revoked", username: "api-1-demo", key_id: 3 }],
  "signing_key.created": ["signing_key:1", { master_fingerprint: "f" }, undefined],
  "signing_key.activated": ["signing_key:1", { master_fingerprint: "f" }, undefined],
  // A verifier can't tell which tokens that ends: it forgets them all.
  "store.accepted": ["store:000102030405060708090a0b0c0d0e0f", {}, undefined],
  "signing_key.retired": ["signing_key:1", { master_fingerprint: "f" }, { action: "signing_key.retired" }],
  "resource_server.created": ["resource_server:1", SERVER_DETAILS, undefined],
  "resource_server.rotated": ["resource_server:1", SERVER_DETAILS, undefined],
  "resource_server.activated": ["resource_server:1", SERVER_DETAILS, undefined],
  "resource_server.deactivated": ["resource_server:1", SERVER_DETAILS, undefined],
  "token.revoked": [
    "token:3-1481653854-968668528",
    { username: "api-1-demo", key_id: 3 },
    { action: "token.revoked", username: "api-1-demo", key_id: 3, jti: "3-1481653854-968668528" },
  ],
  // A key's expiry ends its tokens earlier, or lets them live longer.
  "key.changed": ["key:3", KEY_DETAILS, { action: "key.changed", username: "api-1-demo", key_id: 3 }],
  "key.expiring": ["key:3", KEY_DETAILS, undefined],
  "key.unused": ["key:3", KEY_DETAILS, undefined],
  "key.found_weak": ["key:3", KEY_DETAILS, undefined],
  "operator.created": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.changed": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.activated": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.deactivated": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.sign_in_refused": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.signed_in": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.password_changed": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.passkey_added": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.passkey_removed": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.recovery_codes_renewed": ["operator:1", OPERATOR_DETAILS, undefined],
  "operator.session_ended": ["operator:1", OPERATOR_DETAILS, undefined],
  "invitation.created": ["invitation:1", OPERATOR_DETAILS, undefined],
  "invitation.withdrawn": ["invitation:1", OPERATOR_DETAILS, undefined],
  "admin_token.created": ["admin_token:1", SERVER_DETAILS, undefined],
  "admin_token.revoked": ["admin_token:1", SERVER_DETAILS, undefined],
  "webhook.created": ["webhook:1", WEBHOOK_DETAILS, undefined],
  "webhook.changed": ["webhook:1", WEBHOOK_DETAILS, undefined],
  "webhook.activated": ["webhook:1", WEBHOOK_DETAILS, undefined],
  "webhook.deactivated": ["webhook:1", WEBHOOK_DETAILS, undefined],
  "webhook.rotated": ["webhook:1", WEBHOOK_DETAILS, undefined],
  "webhook.disabled": ["webhook:1", WEBHOOK_DETAILS, undefined],
};

describe("what a verifier learns of an event", () => {
  for (const [action, [subject, details, expected]] of Object.entries(CHANGES)) {
    const what = expected === undefined ? "nothing" : "what it needs to forget the right tokens";
    test(`${action}: ${what}, and neither its author nor key material`, () => {
      assert.deepEqual(toFeedChange(fromRow({ action, subject, details })), expected);
    });
  }

  test("an action of a newer release is passed on by its name alone, so that everything is forgotten", () => {
    const details = { username: "api-1-demo", note: "internal" };
    const newer = { action: "token.renamed", subject: "token:1", details };
    assert.deepEqual(toFeedChange(fromRow(newer)), { action: "token.renamed" });
  });
});
