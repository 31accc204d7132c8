/**
 * Webhooks (Standard Webhooks, standardwebhooks.com): endpoints of others to which this service sends its audit events.
 *
 * What an endpoint is and how it changes, which events it gets, how a message is made and signed, and the worker that delivers. The
 * HTTP client doesn't belong here: `platform/webhook-sender.ts` sends.
 */
import type { AccountId } from "../accounts/model.ts";
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

export type WebhookId = Branded<"WebhookId">;

/** Why the service itself deactivated an endpoint: it failed for too long, or it answered 410 Gone. */
export type DisabledReason = "failing" | "gone";

/** What the store keeps of a secret. The secret itself derives from it and the master secret. */
export interface StoredSecret {
  /** 16 random bytes in hex, made anew with each secret. */
  readonly salt: string;
  /** Tells which master secret it derives from, without revealing anything of either; 8 bytes in hex. */
  readonly fingerprint: string;
}

/** How far the deliveries to an endpoint have come. */
export interface DeliveryState {
  /** The `seq` of the last event that was delivered, or left out because the endpoint doesn't want it. */
  readonly position: number;
  /** How often the delivery of the next event has failed. */
  readonly attempts: number;
  /** When it failed for the first time; `null` if it didn't. */
  readonly failingSinceMs: number | null;
  /** When it is tried again; `null` for at once. */
  readonly nextAttemptAtMs: number | null;
  /** When an event was last delivered. */
  readonly lastDeliveredAtMs: number | null;
}

/** An endpoint that gets events. */
export interface Webhook extends DeliveryState {
  readonly id: WebhookId;
  /** May hold a secret of the receiver, so it appears in no log, no event and no message. */
  readonly url: string;
  readonly label: string | null;
  /** The events that it gets; see {@link parseEventFilter}. */
  readonly events: readonly string[];
  /** The account to whose events it is limited; `null` for the events of all accounts and of the service. */
  readonly accountId: AccountId | null;
  /** That account's shortname. */
  readonly account: string | null;
  readonly status: Standing;
  /** `null` while it is active, and if an operator deactivated it. */
  readonly disabledReason: DisabledReason | null;
  readonly secret: StoredSecret;
  /** The secret before the last rotation, which signs too until the overlap ends. */
  readonly previousSecret: (StoredSecret & { readonly endsAtMs: number }) | null;
  /** The author's name in the audit log. */
  readonly createdBy: string;
  readonly createdAtMs: number;
}

/** Every outcome of an attempt to deliver. Only `delivered` is a success. */
export const OUTCOMES = [
  "delivered",
  "http_status",
  "gone",
  "redirected",
  "timed_out",
  "unreachable",
  "tls_failed",
  "name_unresolved",
  "address_refused",
  "secret_missing",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The result of an attempt. */
export interface Attempt {
  readonly outcome: Outcome;
  /** The status of the answer; `null` if there was none. */
  readonly httpStatus: number | null;
  readonly durationMs: number;
}

/** An attempt to deliver an event, as it is listed. */
export interface Delivery extends Attempt {
  readonly id: number;
  readonly webhookId: WebhookId;
  /** The event's `seq` and action. */
  readonly seq: number;
  readonly action: string;
  /** The header `webhook-id`: the same in every attempt to deliver this event to this endpoint. */
  readonly messageId: string;
  /** 1 for the first attempt to deliver this event. */
  readonly attempt: number;
  readonly atMs: number;
}
