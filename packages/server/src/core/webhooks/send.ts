import type { Outcome } from "./model.ts";

/** A request to an endpoint. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How the receiver answered. */
export interface WebhookAnswer {
  readonly outcome: Exclude<Outcome, "secret_missing">;
  /** `null` if there was no answer. */
  readonly httpStatus: number | null;
  /** The header `Retry-After`. */
  readonly retryAfter?: string | undefined;
}

/**
 * Sends messages to endpoints. It connects only to addresses that the configuration allows, and decides that anew for each request,
 * because a name can get another address at any time.
 */
export interface WebhookSender {
  /**
   * Sends a request. It never rejects, follows no redirection, and ends within a fixed time.
   *
   * @param signal ends it at once; the answer then means nothing
   */
  send(request: WebhookRequest, signal?: AbortSignal): Promise<WebhookAnswer>;
  /**
   * Whether an endpoint with this URL would be refused now, without sending anything. A name that has no address yet isn't, because
   * each delivery decides anew.
   *
   * @returns one sentence for an operator; `undefined` if the URL can be used
   */
  findUrlProblem(url: string): Promise<string | undefined>;
}
