/** Public keys over all API users. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { client, type DataOf, requestList } from "./client.ts";

export type ListedKey = DataOf<"listAllKeys">[number];

export interface AllKeysFilter {
  readonly account?: string;
  readonly status?: "active" | "deactivated" | "revoked";
  /** Active keys that expire within this time, such as `30d`. */
  readonly expiring?: string;
  /** Active keys that weren't used for this long, such as `90d`. */
  readonly unused?: string;
  readonly weak?: "true";
  readonly cursor?: string;
}

export function useAllKeys(filter: AllKeysFilter) {
  return useQuery({
    queryKey: ["keys", "all", filter],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/keys", { params: { query: filter }, signal }), { signal }),
    placeholderData: keepPreviousData,
  });
}

/** The keys that were rotated in by a key, directly or by others; the first page of them. */
export function useDescendants(id: number) {
  return useQuery({
    queryKey: ["keys", "descendants", id],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/keys/{id}/descendants", { params: { path: { id } }, signal }), {
        signal,
      }),
    staleTime: 0,
  });
}
