/** The JSON of webhook endpoints and their deliveries, for `--json` and the admin API. It never holds a secret. */
import type { Attempt, Delivery, Webhook } from "../webhooks/model.ts";
import { isoTime } from "./registry.ts";

/** Without the secret, which only its creation and its rotation show. */
export function webhookJson(webhook: Webhook) {
  return {
    id: webhook.id,
    url: webhook.url,
    label: webhook.label,
    events: webhook.events,
    account: webhook.account,
    status: webhook.status,
    disabled_reason: webhook.disabledReason,
    created_by: webhook.createdBy,
    created_at: isoTime(webhook.createdAtMs),
    previous_secret_ends_at: isoTime(webhook.previousSecret?.endsAtMs ?? null),
    last_delivered_at: isoTime(webhook.lastDeliveredAtMs),
    failed_attempts: webhook.attempts,
    failing_since: isoTime(webhook.failingSinceMs),
    next_attempt_at: isoTime(webhook.nextAttemptAtMs),
  };
}

/** An attempt to deliver an event, with its outcome in words. */
export function deliveryJson(delivery: Delivery) {
  return {
    id: delivery.id,
    message_id: delivery.messageId,
    event_seq: delivery.seq,
    action: delivery.action,
    attempt: delivery.attempt,
    at: isoTime(delivery.atMs),
    ...attemptJson(delivery),
  };
}

/** The result of an attempt, such as of a test. */
export function attemptJson({ outcome, httpStatus, durationMs }: Attempt) {
  return {
    outcome,
    http_status: httpStatus,
    duration_ms: Math.round(durationMs),
    message: describeAttempt({ outcome, httpStatus }),
  };
}

/** What an attempt's outcome means, in one sentence for an operator. It holds nothing that the receiver chose but its status. */
export function describeAttempt({ outcome, httpStatus }: Pick<Attempt, "outcome" | "httpStatus">): string {
  switch (outcome) {
    case "delivered":
      return `The receiver accepted it with status ${httpStatus}.`;
    case "http_status":
      return `The receiver answered with status ${httpStatus}; 200 to 299 is needed.`;
    case "gone":
      return "The receiver answered 410 Gone: it doesn't want webhooks any more.";
    case "redirected":
      return `The receiver answered with the redirection ${httpStatus}, which isn't followed; give the endpoint its final URL.`;
    case "timed_out":
      return "The receiver didn't answer in time.";
    case "unreachable":
      return "The receiver can't be reached, or it closed the connection without an answer.";
    case "tls_failed":
      return "No TLS connection: the receiver's certificate isn't valid for its name, isn't trusted, or it speaks no TLS.";
    case "name_unresolved":
      return "The host name in the URL has no address in the DNS.";
    case "address_refused":
      return "The host's address is private or reserved, or the URL has http; COUNTERSIGN_WEBHOOK_NETWORKS can allow it.";
    case "secret_missing":
      return "The endpoint's secret derives from a master secret that isn't configured any more; rotate the endpoint's secret.";
    default:
      return outcome satisfies never;
  }
}
