import { createHmac } from "node:crypto";
import type { AuditEvent } from "../feed/audit-chain.ts";
import { eventJson, eventJsonWithoutHashes, isoTime } from "../json/registry.ts";
import type { Webhook, WebhookId } from "./model.ts";

/** The type of the message that the test button sends. No event has it. */
export const TEST_TYPE = "webhook.test";

/** A message to an endpoint. Its text is the same in every attempt. */
export interface Message {
  /** The header `webhook-id`. */
  readonly id: string;
  readonly body: string;
}

/**
 * The message about an event: its type, its time, and the event as the audit log in the admin API shows it. An endpoint that is
 * limited to an account gets it without hashes, as an operator of that account sees it.
 *
 * Its id is the same in every attempt, so that a receiver can tell a repetition. It derives from the event's hash: an event that has
 * the same `seq` after a restoration has another id. The store's id is the key, so that the message id tells nothing about the hash.
 */
export function eventMessage(webhook: Pick<Webhook, "id" | "accountId">, event: AuditEvent, storeId: string): Message {
  const shown = webhook.accountId === null ? eventJson(event) : eventJsonWithoutHashes(event);
  const id = createHmac("sha256", storeId).update(`webhook-message/${webhook.id}/${event.seq}/${event.hash}`).digest();
  return {
    id: `msg_${id.toString("base64url").slice(0, 27)}`,
    body: JSON.stringify({ type: event.action, timestamp: isoTime(event.atMs), data: shown }),
  };
}

/** The message that an operator sends to see whether an endpoint works. @param nonce random, so that each has an id of its own */
export function testMessage(webhookId: WebhookId, nonce: Buffer, nowMs: number): Message {
  const data = { webhook_id: webhookId, message: "An operator sent this message to test the endpoint." };
  return {
    id: `msg_test_${nonce.toString("base64url")}`,
    body: JSON.stringify({ type: TEST_TYPE, timestamp: isoTime(nowMs), data }),
  };
}

/**
 * The headers of Standard Webhooks. Each secret gives a signature, HMAC-SHA256 over `<id>.<timestamp>.<body>`, so that during a
 * rotation a receiver with either secret accepts the message.
 *
 * @param secrets newest first
 * @param nowMs the time of this attempt: receivers refuse a message whose timestamp is minutes off
 */
export function signedHeaders({ id, body }: Message, secrets: readonly Buffer[], nowMs: number) {
  const timestamp = Math.floor(nowMs / 1000);
  const signatures = secrets.map(
    (secret) => `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`,
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.join(" "),
  };
}
