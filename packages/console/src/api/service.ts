/** Resource servers, signing keys, settings, the audit log and explanations: queries and changes. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { requestData, requestList, requestVersioned, client, type DataOf, ifMatch, type Versioned } from "./client.ts";

export type ResourceServer = DataOf<"getResourceServer">;
export type ResourceServerWithSecret = DataOf<"rotateResourceServerSecret">;
export type SigningKey = DataOf<"listSigningKeys">[number];
export type Node = DataOf<"listNodes">[number];
export type Setting = DataOf<"getSettings">[number];
export type Finding = DataOf<"getDiagnosis">["findings"][number];
export type AuditEvent = DataOf<"listAuditEvents">[number];
export type ChainReport = DataOf<"verifyAuditChain">;
export type Explanation = DataOf<"explainAssertion">;
export type TokenReport = DataOf<"checkToken">;

export interface NamedFilter {
  readonly q?: string;
  readonly status?: "active" | "deactivated";
  readonly cursor?: string;
}

export function useResourceServers(filter: NamedFilter) {
  return useQuery({
    queryKey: ["resource servers", filter],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/resource-servers", { params: { query: filter }, signal }), {
        signal,
      }),
    placeholderData: keepPreviousData,
  });
}

export function readResourceServer(name: string): Promise<Versioned<ResourceServer>> {
  return requestVersioned((signal) =>
    client.GET("/api/admin/v1/resource-servers/{name}", { params: { path: { name } }, signal }),
  );
}

export function createResourceServer(name: string, idempotencyKey: string) {
  return requestData((signal) =>
    client.POST("/api/admin/v1/resource-servers", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body: { name },
      signal,
    }),
  );
}

/**
 * @param graceSeconds how long the current secret keeps working
 * @param idempotencyKey one per opening of a dialog, so that a retry doesn't replace the secret that the first attempt made
 */
export function rotateResourceServerSecret(
  name: string,
  graceSeconds: number,
  idempotencyKey: string,
): Promise<ResourceServerWithSecret> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/resource-servers/{name}/secret", {
      params: { path: { name }, header: { "idempotency-key": idempotencyKey } },
      body: { grace_seconds: graceSeconds },
      signal,
    }),
  );
}

export function changeResourceServer(
  name: string,
  patch: { readonly status: "active" | "deactivated" },
  etag: string | undefined,
): Promise<Versioned<ResourceServer>> {
  return requestVersioned((signal) =>
    client.PATCH("/api/admin/v1/resource-servers/{name}", {
      params: { path: { name }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

export function useSigningKeys() {
  return useQuery({
    queryKey: ["signing keys"],
    queryFn: ({ signal }) => requestList((signal) => client.GET("/api/admin/v1/signing-keys", { signal }), { signal }),
    // A new key starts signing on its own, within seconds.
    refetchInterval: 10_000,
  });
}

export function useNodes() {
  return useQuery({
    queryKey: ["nodes"],
    queryFn: ({ signal }) => requestList((signal) => client.GET("/api/admin/v1/nodes", { signal }), { signal }),
    refetchInterval: 10_000,
  });
}

export function rotateSigningKey(): Promise<SigningKey> {
  return requestData((signal) => client.POST("/api/admin/v1/signing-keys", { signal }));
}

export function retireSigningKey(number: number): Promise<SigningKey> {
  return requestData((signal) =>
    client.PATCH("/api/admin/v1/signing-keys/{number}", {
      params: { path: { number } },
      body: { status: "retired" },
      signal,
    }),
  );
}

export function useSettings({ isEnabled }: { readonly isEnabled: boolean }) {
  return useQuery({
    enabled: isEnabled,
    queryKey: ["settings"],
    queryFn: ({ signal }) => requestList((signal) => client.GET("/api/admin/v1/settings", { signal }), { signal }),
  });
}

/** What the node that answers finds about itself, as a list of one page. */
export function useDiagnosis({ isEnabled }: { readonly isEnabled: boolean }) {
  return useQuery({
    enabled: isEnabled,
    queryKey: ["doctor"],
    queryFn: ({ signal }) => requestData((signal) => client.GET("/api/admin/v1/doctor", { signal }), { signal }),
    select: ({ findings, ...diagnosis }) => ({
      ...diagnosis,
      items: findings,
      count: findings.length,
      isCountMinimum: false,
      position: 1,
      next: undefined,
      previous: undefined,
    }),
  });
}

export interface EventFilter {
  readonly actor?: string;
  readonly subject?: string;
  readonly action?: string;
  readonly from?: string;
  readonly until?: string;
}

export function useAuditEvents(
  filter: EventFilter & { readonly direction?: "ascending" | "descending"; readonly cursor?: string },
) {
  return useQuery({
    queryKey: ["audit", filter],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/audit-events", { params: { query: filter }, signal }), {
        signal,
      }),
    placeholderData: keepPreviousData,
  });
}

/** The address for downloading the filtered log. */
export function auditExportHref(filter: EventFilter, format: "csv" | "jsonl"): string {
  return `/api/admin/v1/audit-events/export?${new URLSearchParams({ ...filter, format })}`;
}

/** Makes the server read the whole log, so it is read again only on request. */
export function useAuditChain({ isEnabled }: { readonly isEnabled: boolean }) {
  return useQuery({
    queryKey: ["audit chain"],
    queryFn: ({ signal }) =>
      requestData((signal) => client.GET("/api/admin/v1/audit-events/chain", { signal }), { signal }),
    enabled: isEnabled,
    staleTime: "static",
  });
}

/** Bypasses the query cache: an assertion is a credential, and is kept nowhere. */
export function explainAssertion(assertion: string): Promise<Explanation> {
  return requestData((signal) => client.POST("/api/admin/v1/explain", { body: { assertion }, signal }));
}

/** Bypasses the query cache: a token is a credential, and is kept nowhere. */
export function checkToken(token: string): Promise<TokenReport> {
  return requestData((signal) => client.POST("/api/admin/v1/check", { body: { token }, signal }));
}
