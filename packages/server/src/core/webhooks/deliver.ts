import type { Clock } from "../surroundings.ts";
import type { Attempt, Webhook } from "./model.ts";
import { type Message, signedHeaders } from "./message.ts";
import { parseRetryAfter } from "./schedule.ts";
import { deriveSecret } from "./secret.ts";
import type { WebhookSender } from "./send.ts";

/** The result of an attempt, and how long the receiver asks to wait, in milliseconds; 0 if it doesn't. */
export interface DeliveryResult extends Attempt {
  readonly retryAfterMs: number;
}

/** Signs a message and sends it to an endpoint, once. It never rejects. @param signal as in {@link WebhookSender.send} */
export type Deliver = (
  webhook: Pick<Webhook, "url" | "secret" | "previousSecret">,
  message: Message,
  signal?: AbortSignal,
) => Promise<DeliveryResult>;

export interface DeliverDependencies {
  readonly sender: Pick<WebhookSender, "send">;
  /** Newest first. */
  readonly masterSecrets: readonly Buffer[];
  readonly clock: Clock;
}

export function createDeliver({ sender, masterSecrets, clock }: DeliverDependencies): Deliver {
  return async ({ url, secret, previousSecret }, message, signal) => {
    const nowMs = clock.wallMs();
    const current = deriveSecret(masterSecrets, secret);
    if (current === undefined) return { outcome: "secret_missing", httpStatus: null, durationMs: 0, retryAfterMs: 0 };
    // At its end, the overlap is over.
    const isOverlap = previousSecret !== null && nowMs < previousSecret.endsAtMs;
    const previous = isOverlap ? deriveSecret(masterSecrets, previousSecret) : undefined;
    const secrets = previous === undefined ? [current] : [current, previous];
    const headers = {
      "Content-Type": "application/json",
      "User-Agent": "Countersign-Webhooks",
      ...signedHeaders(message, secrets, nowMs),
    };
    const beganMs = clock.monotonicMs();
    const { outcome, httpStatus, retryAfter } = await sender.send({ url, headers, body: message.body }, signal);
    const durationMs = clock.monotonicMs() - beganMs;
    return { outcome, httpStatus, durationMs, retryAfterMs: parseRetryAfter(retryAfter, clock.wallMs()) };
  };
}
