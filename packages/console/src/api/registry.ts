/** Accounts, API users and public keys: what the pages read, and the changes they make. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { askForData, askForList, askForVersioned, client, type DataOf, ifMatch, type Versioned } from "./client.ts";

export type Account = DataOf<"getAccount">;
export type ApiUser = DataOf<"getUser">;
export type PublicKey = DataOf<"getKey">;
export type InspectedKey = DataOf<"inspectKey">;
export type Impact = DataOf<"getImpact">;
export type UsageHours = DataOf<"getUsage">;

export interface UserFilter {
  readonly q?: string;
  readonly account?: string;
  readonly status?: "active" | "deactivated";
  readonly access?: "full" | "read_only";
  readonly order?: "newest" | "name";
  readonly cursor?: string;
}

export function useUsers(filter: UserFilter) {
  return useQuery({
    queryKey: ["users", filter],
    queryFn: ({ signal }) =>
      askForList((signal) => client.GET("/api/admin/v1/users", { params: { query: filter }, signal }), { signal }),
    placeholderData: keepPreviousData,
  });
}

export function useUser(username: string) {
  return useQuery({
    queryKey: ["user", username],
    queryFn: ({ signal }) =>
      askForVersioned(
        (signal) => client.GET("/api/admin/v1/users/{username}", { params: { path: { username } }, signal }),
        { signal },
      ),
  });
}

export function useKeys(username: string, cursor: string | undefined) {
  return useQuery({
    queryKey: ["keys", username, cursor],
    queryFn: ({ signal }) =>
      askForList(
        (signal) =>
          client.GET("/api/admin/v1/users/{username}/keys", {
            params: { path: { username }, query: cursor === undefined ? {} : { cursor } },
            signal,
          }),
        { signal },
      ),
    placeholderData: keepPreviousData,
  });
}

/** One key as it is now, with its version: what a change is about to be made to. */
export function readKey(id: number): Promise<Versioned<PublicKey>> {
  return askForVersioned((signal) => client.GET("/api/admin/v1/keys/{id}", { params: { path: { id } }, signal }));
}

export function readAccount(shortname: string): Promise<Versioned<Account>> {
  return askForVersioned((signal) =>
    client.GET("/api/admin/v1/accounts/{shortname}", { params: { path: { shortname } }, signal }),
  );
}

/** @param shortname `undefined` while nobody knows which */
export function useAccount(shortname: string | undefined) {
  return useQuery({
    queryKey: ["accounts", "one", shortname],
    queryFn: async () => (await readAccount(shortname ?? "")).value,
    enabled: shortname !== undefined,
  });
}

export function readUser(username: string): Promise<Versioned<ApiUser>> {
  return askForVersioned((signal) =>
    client.GET("/api/admin/v1/users/{username}", { params: { path: { username } }, signal }),
  );
}

export interface KeyPatch {
  readonly status?: "active" | "deactivated" | "revoked";
  readonly label?: string | null;
  readonly expires_at?: string | null;
}

/** Each change answers with the new version, which an Undo then changes. */
export function changeKey(id: number, patch: KeyPatch, etag: string | undefined): Promise<Versioned<PublicKey>> {
  return askForVersioned((signal) =>
    client.PATCH("/api/admin/v1/keys/{id}", {
      params: { path: { id }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

type Standing = "active" | "deactivated";

export function changeUser(
  username: string,
  patch: { readonly status: Standing },
  etag: string | undefined,
): Promise<Versioned<ApiUser>> {
  return askForVersioned((signal) =>
    client.PATCH("/api/admin/v1/users/{username}", {
      params: { path: { username }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

export function changeAccount(
  shortname: string,
  patch: { readonly status: Standing },
  etag: string | undefined,
): Promise<Versioned<Account>> {
  return askForVersioned((signal) =>
    client.PATCH("/api/admin/v1/accounts/{shortname}", {
      params: { path: { shortname }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

/** What a change to the registry may have made stale. */
export function useRegistryChanged(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(
      ["users", "user", "keys", "accounts", "audit", "impact"].map((first) =>
        queries.invalidateQueries({ queryKey: [first] }),
      ),
    );
  };
}

export interface AccountFilter {
  readonly q?: string;
  readonly status?: Standing;
  readonly cursor?: string;
}

export function useAccounts(filter: AccountFilter, { isEnabled = true } = {}) {
  return useQuery({
    queryKey: ["accounts", filter],
    queryFn: ({ signal }) =>
      askForList((signal) => client.GET("/api/admin/v1/accounts", { params: { query: filter }, signal }), { signal }),
    placeholderData: keepPreviousData,
    enabled: isEnabled,
  });
}

/** @param idempotencyKey one for each opening of a dialog: a double click makes one thing */
export function createAccount(
  body: { readonly shortname: string; readonly name?: string },
  idempotencyKey: string,
): Promise<Account> {
  return askForData((signal) =>
    client.POST("/api/admin/v1/accounts", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

export function createUser(
  body: { readonly account: string; readonly name: string; readonly access: "full" | "read_only" },
  idempotencyKey: string,
): Promise<ApiUser> {
  return askForData((signal) =>
    client.POST("/api/admin/v1/users", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

/** @param publicKey never a private one; the caller has looked (`isPrivateKey`) */
export function addKey(
  username: string,
  body: { readonly public_key: string; readonly label?: string; readonly expires_at?: string | null },
  idempotencyKey: string,
): Promise<Versioned<PublicKey>> {
  return askForVersioned((signal) =>
    client.POST("/api/admin/v1/users/{username}/keys", {
      params: { path: { username }, header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

/** Not by the query cache: what somebody pastes is kept nowhere. */
export function inspectKey(publicKey: string, signal: AbortSignal): Promise<InspectedKey> {
  return askForData(
    (signal) => client.POST("/api/admin/v1/keys/inspect", { body: { public_key: publicKey }, signal }),
    { signal },
  );
}

/** Whose tokens would end. */
export type ImpactScope = { readonly key_id: number } | { readonly username: string } | { readonly account: string };

export function useImpact(scope: ImpactScope) {
  return useQuery({
    queryKey: ["impact", scope],
    queryFn: ({ signal }) =>
      askForData((signal) => client.GET("/api/admin/v1/impact", { params: { query: scope }, signal }), { signal }),
    staleTime: 0,
    gcTime: 0,
  });
}

/** Tokens issued an hour. @param hours how many back from now on */
export function useUsage(scope: { readonly username: string }, hours: number) {
  return useQuery({
    queryKey: ["usage", scope, hours],
    queryFn: async ({ signal }) => {
      // Whole hours, this one among them: the API rounds down.
      const from = new Date(Date.now() - (hours - 1) * 3_600_000).toISOString();
      return askForData(
        (signal) => client.GET("/api/admin/v1/usage", { params: { query: { ...scope, from } }, signal }),
        { signal },
      );
    },
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

/** A change with its state for a form: running, refused, done. */
export function useChange<Input, Made>(change: (input: Input) => Promise<Made>) {
  const changed = useRegistryChanged();
  return useMutation({ mutationFn: change, onSuccess: changed });
}
