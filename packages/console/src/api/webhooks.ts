/** Webhook endpoints and their deliveries: queries and changes. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { client, type DataOf, ifMatch, requestData, requestList, requestVersioned, type Versioned } from "./client.ts";

export type Webhook = DataOf<"getWebhook">;
export type WebhookWithSecret = DataOf<"rotateWebhookSecret">;
export type Delivery = DataOf<"listWebhookDeliveries">[number];
export type Attempt = DataOf<"testWebhook">;

export interface WebhookFilter {
  readonly account?: string;
  readonly status?: "active" | "deactivated";
  readonly cursor?: string;
}

export function useWebhooks(filter: WebhookFilter, { isEnabled = true } = {}) {
  return useQuery({
    queryKey: ["webhooks", filter],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/webhooks", { params: { query: filter }, signal }), { signal }),
    placeholderData: keepPreviousData,
    enabled: isEnabled,
  });
}

export function readWebhook(id: number, signal?: AbortSignal): Promise<Versioned<Webhook>> {
  return requestVersioned(
    (signal) => client.GET("/api/admin/v1/webhooks/{id}", { params: { path: { id } }, signal }),
    signal === undefined ? {} : { signal },
  );
}

export function useWebhook(id: number) {
  return useQuery({
    queryKey: ["webhook", id],
    queryFn: ({ signal }) => readWebhook(id, signal),
    // Deliveries change it without an operator.
    refetchInterval: 10_000,
  });
}

/** The last attempts to deliver, newest first. */
export function useDeliveries(id: number, cursor: string | undefined) {
  return useQuery({
    queryKey: ["webhook deliveries", id, cursor],
    queryFn: ({ signal }) =>
      requestList(
        (signal) =>
          client.GET("/api/admin/v1/webhooks/{id}/deliveries", {
            params: { path: { id }, query: cursor === undefined ? {} : { cursor } },
            signal,
          }),
        { signal },
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
}

export interface NewWebhook {
  readonly url: string;
  readonly label?: string;
  readonly events: string[];
  readonly account?: string;
}

/** @param idempotencyKey one per opening of a dialog, so that a double click creates one endpoint */
export function createWebhook(body: NewWebhook, idempotencyKey: string): Promise<WebhookWithSecret> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/webhooks", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

export interface WebhookPatch {
  readonly url?: string;
  readonly label?: string | null;
  readonly events?: string[];
  readonly status?: "active" | "deactivated";
}

export function changeWebhook(id: number, patch: WebhookPatch, etag: string | undefined): Promise<Versioned<Webhook>> {
  return requestVersioned((signal) =>
    client.PATCH("/api/admin/v1/webhooks/{id}", {
      params: { path: { id }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

/**
 * @param overlapSeconds how long the current secret signs too
 * @param idempotencyKey one per opening of a dialog, so that a retry doesn't replace the secret that the first attempt made
 */
export function rotateWebhookSecret(
  id: number,
  overlapSeconds: number,
  idempotencyKey: string,
): Promise<WebhookWithSecret> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/webhooks/{id}/secret", {
      params: { path: { id }, header: { "idempotency-key": idempotencyKey } },
      body: { overlap_seconds: overlapSeconds },
      signal,
    }),
  );
}

/** Sends a test message to the endpoint and waits for the answer. */
export function testWebhook(id: number): Promise<Attempt> {
  return requestData((signal) => client.POST("/api/admin/v1/webhooks/{id}/test", { params: { path: { id } }, signal }));
}
