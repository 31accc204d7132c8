import type { AccountId } from "../accounts/model.ts";
import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { Delivery, DeliveryState, Webhook, WebhookId } from "./model.ts";

/** How many attempts are kept of each endpoint; the oldest go. */
export const DELIVERIES_KEPT = 200;

/** Which endpoints a list has. */
export interface WebhookFilter {
  readonly accountId?: AccountId | undefined;
  readonly status?: Standing | undefined;
}

/** Reads endpoints outside of changes, and records deliveries, which change nothing of the registry. */
export interface WebhookStore {
  load(id: WebhookId): Promise<Webhook | undefined>;
  /** Every active endpoint, by id. */
  listActive(): Promise<readonly Webhook[]>;
  /** Oldest first; the page key is `[id]`. */
  page(filter: WebhookFilter, page: PageRequest): Promise<Page<Webhook>>;
  /** The last attempts to deliver to an endpoint, newest first, at most {@link DELIVERIES_KEPT}; the page key is `[id]`. */
  deliveries(id: WebhookId, page: PageRequest): Promise<Page<Delivery>>;
  /**
   * Records an attempt and the state after it, in one transaction.
   *
   * @param from the position before it. If the store has another one, because another node delivered or an operator skipped events,
   *   nothing is recorded
   * @returns whether it was recorded
   */
  record(delivery: Omit<Delivery, "id">, from: number, state: DeliveryState): Promise<boolean>;
  /** Moves the position past events that the endpoint doesn't want, unless it isn't `from` any more. @returns whether it was moved */
  skip(id: WebhookId, from: number, to: number): Promise<boolean>;
}

/** Reads and writes endpoints in a transaction. */
export interface WebhookTransaction {
  find(id: WebhookId): Promise<Webhook | undefined>;
  /** How many active endpoints are limited to this account; `null` for those that are limited to none. */
  countActive(accountId: AccountId | null): Promise<number>;
  insert(
    webhook: Pick<
      Webhook,
      "url" | "label" | "events" | "accountId" | "secret" | "position" | "createdBy" | "createdAtMs"
    >,
  ): Promise<WebhookId>;
  update(id: WebhookId, values: WebhookUpdate): Promise<void>;
}

/** What a change of an endpoint writes. */
export type WebhookUpdate = Partial<
  Pick<Webhook, "url" | "label" | "events" | "status" | "disabledReason" | "secret" | "previousSecret"> & DeliveryState
>;
