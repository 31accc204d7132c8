/** The service itself: resource servers, signing keys, settings, the audit log, explanations. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { askForData, askForList, askForVersioned, client, type DataOf, ifMatch, type Versioned } from "./client.ts";

export type ResourceServer = DataOf<"getResourceServer">;
export type ResourceServerWithSecret = DataOf<"rotateResourceServerSecret">;
export type SigningKey = DataOf<"listSigningKeys">[number];
export type Node = DataOf<"listNodes">[number];
export type Setting = DataOf<"getSettings">[number];
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
      askForList((signal) => client.GET("/api/admin/v1/resource-servers", { params: { query: filter }, signal }), {
        signal,
      }),
    placeholderData: keepPreviousData,
  });
}

export function readResourceServer(name: string): Promise<Versioned<ResourceServer>> {
  return askForVersioned((signal) =>
    client.GET("/api/admin/v1/resource-servers/{name}", { params: { path: { name } }, signal }),
  );
}

export function createResourceServer(name: string, idempotencyKey: string) {
  return askForData((signal) =>
    client.POST("/api/admin/v1/resource-servers", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body: { name },
      signal,
    }),
  );
}

/** @param graceSeconds how long the secret before it goes on working */
export function rotateResourceServerSecret(name: string, graceSeconds: number): Promise<ResourceServerWithSecret> {
  return askForData((signal) =>
    client.POST("/api/admin/v1/resource-servers/{name}/secret", {
      params: { path: { name } },
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
  return askForVersioned((signal) =>
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
    queryFn: ({ signal }) => askForList((signal) => client.GET("/api/admin/v1/signing-keys", { signal }), { signal }),
    // A new key begins to sign by itself, within seconds.
    refetchInterval: 10_000,
  });
}

export function useNodes() {
  return useQuery({
    queryKey: ["nodes"],
    queryFn: ({ signal }) => askForList((signal) => client.GET("/api/admin/v1/nodes", { signal }), { signal }),
    refetchInterval: 10_000,
  });
}

export function rotateSigningKey(): Promise<SigningKey> {
  return askForData((signal) => client.POST("/api/admin/v1/signing-keys", { signal }));
}

export function retireSigningKey(number: number): Promise<SigningKey> {
  return askForData((signal) =>
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
    queryFn: ({ signal }) => askForList((signal) => client.GET("/api/admin/v1/settings", { signal }), { signal }),
  });
}

export interface EventFilter {
  readonly actor?: string;
  readonly subject?: string;
  readonly action?: string;
  readonly from?: string;
  readonly until?: string;
}

export function useAuditEvents(filter: EventFilter & { readonly cursor?: string }) {
  return useQuery({
    queryKey: ["audit", filter],
    queryFn: ({ signal }) =>
      askForList((signal) => client.GET("/api/admin/v1/audit-events", { params: { query: filter }, signal }), {
        signal,
      }),
    placeholderData: keepPreviousData,
  });
}

/** The address of the filtered log as a file, for a link. */
export function auditExportHref(filter: EventFilter, format: "csv" | "jsonl"): string {
  return `/api/admin/v1/audit-events/export?${new URLSearchParams({ ...filter, format })}`;
}

/** Reads the whole log on the server; asked for, not on each page. */
export function useAuditChain({ isEnabled }: { readonly isEnabled: boolean }) {
  return useQuery({
    queryKey: ["audit chain"],
    queryFn: ({ signal }) =>
      askForData((signal) => client.GET("/api/admin/v1/audit-events/chain", { signal }), { signal }),
    enabled: isEnabled,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Not by the query cache: an assertion is a credential, and is kept nowhere. */
export function explainAssertion(assertion: string): Promise<Explanation> {
  return askForData((signal) => client.POST("/api/admin/v1/explain", { body: { assertion }, signal }));
}

/** Not by the query cache: a token is a credential, and is kept nowhere. */
export function checkToken(token: string): Promise<TokenReport> {
  return askForData((signal) => client.POST("/api/admin/v1/check", { body: { token }, signal }));
}
