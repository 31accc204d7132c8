import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Webhook } from "standardwebhooks";
import type { AccountId } from "../accounts/model.ts";
import { chainEvent } from "../feed/audit-chain.ts";
import { createSystemRandom } from "../../platform/random.ts";
import { eventMessage, signedHeaders, testMessage } from "./message.ts";
import type { WebhookId } from "./model.ts";
import { deriveSecret, formatSecret, makeStoredSecret } from "./secret.ts";

const random = createSystemRandom();
const master = random.bytes(32);
const otherMaster = random.bytes(32);
const STORE = "000102030405060708090a0b0c0d0e0f";
/** HKDF-SHA256 (RFC 5869), computed by another program from HMAC alone. */
const FINGERPRINT = "d25ebae2988483c9";
const SECRET = "59231ce10cf9f5fc028a045ffd7f0499fd4075a7aa4ef64fbefe42ecdb3fcbe7";
const EVERYWHERE = { id: 3 as WebhookId, accountId: null };
const event = chainEvent(
  {
    atMs: 1_481_650_253_342,
    actor: "cli:alice",
    action: "key.revoked",
    subject: "key:3",
    details: { username: "api-1-demo", fingerprint: "SHA256:x" },
    accountId: 1 as AccountId,
  },
  { seq: 41, hash: "ab".repeat(32) },
);

function secretOf(masterSecret = master) {
  const bytes = deriveSecret([masterSecret], makeStoredSecret(masterSecret, random));
  assert.ok(bytes);
  return bytes;
}

describe("a signed message", () => {
  const message = eventMessage(EVERYWHERE, event, STORE);
  const nowMs = Date.now();

  test("is accepted by the library standardwebhooks with the secret as it was shown, and with no other", () => {
    const secret = secretOf();
    const headers = signedHeaders(message, [secret], nowMs);
    assert.deepEqual(new Webhook(formatSecret(secret)).verify(message.body, headers), JSON.parse(message.body));
    assert.throws(() => new Webhook(formatSecret(secretOf())).verify(message.body, headers));
    assert.throws(() => new Webhook(formatSecret(secret)).verify(`${message.body} `, headers));
    assert.throws(() => new Webhook(formatSecret(secret)).verify(message.body, { ...headers, "webhook-id": "msg_x" }));
  });

  test("during a rotation is accepted with the new and with the previous secret", () => {
    const [current, previous, older] = [secretOf(), secretOf(), secretOf()];
    const headers = signedHeaders(message, [current, previous], nowMs);
    for (const secret of [current, previous]) new Webhook(formatSecret(secret)).verify(message.body, headers);
    assert.throws(() => new Webhook(formatSecret(older)).verify(message.body, headers));
  });
});

describe("the message about an event", () => {
  test("has the event's type and time, and the event as the audit log shows it", () => {
    const { body } = eventMessage(EVERYWHERE, event, STORE);
    assert.deepEqual(JSON.parse(body), {
      type: "key.revoked",
      timestamp: "2016-12-13T17:30:53.342Z",
      data: {
        seq: 42,
        at: "2016-12-13T17:30:53.342Z",
        actor: "cli:alice",
        action: "key.revoked",
        subject: "key:3",
        details: { username: "api-1-demo", fingerprint: "SHA256:x" },
        previous_hash: "ab".repeat(32),
        hash: event.hash,
      },
    });
  });

  test("for an endpoint of one account has no hashes, which cover other accounts' events", () => {
    const { body } = eventMessage({ ...EVERYWHERE, accountId: 1 as AccountId }, event, STORE);
    assert.deepEqual([JSON.parse(body).data.hash, JSON.parse(body).data.previous_hash], [null, null]);
    assert.ok(!body.includes(event.hash));
  });

  test("has the same id and body each time, and another id for another endpoint, store, event or history", () => {
    const message = eventMessage(EVERYWHERE, event, STORE);
    assert.deepEqual(eventMessage(EVERYWHERE, event, STORE), message);
    assert.match(message.id, /^msg_[\w-]{27}$/);
    const ids = [
      message,
      eventMessage({ ...EVERYWHERE, id: 4 as WebhookId }, event, STORE),
      eventMessage(EVERYWHERE, event, `${STORE}0`),
      eventMessage(EVERYWHERE, { ...event, seq: 43 }, STORE),
      // After a restoration, another event may have the same number.
      eventMessage(EVERYWHERE, { ...event, hash: "cd".repeat(32) }, STORE),
    ].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });
});

test("each test message has an id of its own", () => {
  const [one, two] = [1, 2].map(() => testMessage(3 as WebhookId, random.bytes(15), 0));
  assert.ok(one !== undefined && two !== undefined && one.id !== two.id);
  assert.equal(JSON.parse(one.body).type, "webhook.test");
});

describe("a secret", () => {
  test("is 32 bytes that derive again from the master secret and what is stored", () => {
    const stored = makeStoredSecret(master, random);
    const secret = deriveSecret([master], stored);
    assert.equal(secret?.length, 32);
    assert.deepEqual(deriveSecret([otherMaster, master], stored), secret);
    assert.match(formatSecret(secret), /^whsec_[A-Za-z0-9+/]{43}=$/);
  });

  test("differs each time that one is made, and can't be derived from another master secret", () => {
    const [one, two] = [makeStoredSecret(master, random), makeStoredSecret(master, random)];
    assert.notDeepEqual(deriveSecret([master], one), deriveSecret([master], two));
    assert.equal(deriveSecret([otherMaster], one), undefined);
    assert.equal(deriveSecret([], one), undefined);
  });

  test("is as in the vector, which must never change", () => {
    const masterSecret = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
    const stored = { salt: STORE, fingerprint: FINGERPRINT };
    assert.equal(deriveSecret([masterSecret], stored)?.toString("hex"), SECRET);
  });
});
