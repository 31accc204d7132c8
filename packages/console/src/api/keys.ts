/** Public keys over all API users, and challenges for proofs of possession. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { client, type DataOf, requestData, requestList } from "./client.ts";

export type ListedKey = DataOf<"listAllKeys">[number];
export type KeyChallenge = DataOf<"createKeyChallenge">;

export interface AllKeysFilter {
  readonly account?: string;
  readonly status?: "active" | "deactivated" | "revoked";
  /** Active keys that expire within this time, such as `30d`. */
  readonly expiring?: string;
  /** Active keys that weren't used for this long, such as `90d`. */
  readonly unused?: string;
  readonly weak?: "true";
  readonly direction?: "ascending" | "descending";
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

/** @returns what became of each, in their order */
export async function deactivateKeys(ids: readonly number[]): Promise<DataOf<"deactivateKeys">["keys"]> {
  const { keys } = await requestData((signal) =>
    client.POST("/api/admin/v1/keys/deactivate", { body: { ids: [...ids] }, signal }),
  );
  return keys;
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

/** Has the service hand out a nonce for one proof of possession. */
export function createKeyChallenge(username: string): Promise<KeyChallenge> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/users/{username}/key-challenges", { params: { path: { username } }, signal }),
  );
}

/** A challenge for a proof that is made elsewhere. It is kept until it is refetched: the commands with it may have been copied. */
export function useKeyChallenge(username: string, { isEnabled }: { readonly isEnabled: boolean }) {
  return useQuery({
    queryKey: ["key challenge", username],
    queryFn: () => createKeyChallenge(username),
    enabled: isEnabled,
    staleTime: "static",
    gcTime: 0,
  });
}
