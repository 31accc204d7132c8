/** Accounts, API users and public keys: queries and changes. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { requestData, requestList, requestVersioned, client, type DataOf, ifMatch, type Versioned } from "./client.ts";

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
  readonly archived?: boolean;
  readonly order?: "newest" | "name";
  readonly direction?: "ascending" | "descending";
  readonly cursor?: string;
}

export function useUsers(filter: UserFilter, { isEnabled = true } = {}) {
  return useQuery({
    queryKey: ["users", filter],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/users", { params: { query: filter }, signal }), { signal }),
    placeholderData: keepPreviousData,
    enabled: isEnabled,
  });
}

export function useUser(username: string) {
  return useQuery({
    queryKey: ["user", username],
    queryFn: ({ signal }) =>
      requestVersioned(
        (signal) => client.GET("/api/admin/v1/users/{username}", { params: { path: { username } }, signal }),
        { signal },
      ),
  });
}

export function useKeys(username: string, cursor: string | undefined) {
  return useQuery({
    queryKey: ["keys", username, cursor],
    queryFn: ({ signal }) =>
      requestList(
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

/** The key as it is now, with its version for a change. */
export function readKey(id: number): Promise<Versioned<PublicKey>> {
  return requestVersioned((signal) => client.GET("/api/admin/v1/keys/{id}", { params: { path: { id } }, signal }));
}

export function readAccount(shortname: string): Promise<Versioned<Account>> {
  return requestVersioned((signal) =>
    client.GET("/api/admin/v1/accounts/{shortname}", { params: { path: { shortname } }, signal }),
  );
}

/** @param shortname `undefined` while it is not known yet */
export function useAccount(shortname: string | undefined) {
  return useQuery({
    queryKey: ["accounts", "one", shortname],
    queryFn: async () => (await readAccount(shortname ?? "")).value,
    enabled: shortname !== undefined,
  });
}

export function readUser(username: string): Promise<Versioned<ApiUser>> {
  return requestVersioned((signal) =>
    client.GET("/api/admin/v1/users/{username}", { params: { path: { username } }, signal }),
  );
}

export interface KeyPatch {
  readonly status?: "active" | "deactivated" | "revoked";
  readonly label?: string | null;
  readonly expires_at?: string | null;
  readonly networks?: string[];
}

/**
 * @param options.withDescendants does the same to every key that was rotated in by this one, directly or by others
 * @returns the new version, which an Undo then changes
 */
export function changeKey(
  id: number,
  patch: KeyPatch,
  etag: string | undefined,
  { withDescendants = false } = {},
): Promise<Versioned<PublicKey>> {
  return requestVersioned((signal) =>
    client.PATCH("/api/admin/v1/keys/{id}", {
      params: {
        path: { id },
        header: ifMatch(etag),
        query: withDescendants ? { with_descendants: true } : {},
      },
      body: patch,
      signal,
    }),
  );
}

type Standing = "active" | "deactivated";

export interface UserPatch {
  readonly status?: Standing;
  readonly archived?: boolean;
  readonly access?: "full" | "read_only";
  readonly display_name?: string | null;
  readonly description?: string | null;
  readonly contact?: string | null;
  readonly may_rotate?: boolean;
  readonly networks?: string[];
}

export function changeUser(username: string, patch: UserPatch, etag: string | undefined): Promise<Versioned<ApiUser>> {
  return requestVersioned((signal) =>
    client.PATCH("/api/admin/v1/users/{username}", {
      params: { path: { username }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

/** @returns what became of each, in their order */
export async function deactivateUsers(usernames: readonly string[]): Promise<DataOf<"deactivateUsers">["users"]> {
  const { users } = await requestData((signal) =>
    client.POST("/api/admin/v1/users/deactivate", { body: { usernames: [...usernames] }, signal }),
  );
  return users;
}

export interface AccountPatch {
  readonly status?: Standing;
  readonly name?: string;
  readonly description?: string | null;
  readonly contact?: string | null;
  readonly archived?: boolean;
  /** `null`: only the maximum of the service applies. */
  readonly key_age_max_seconds?: number | null;
}

export function changeAccount(
  shortname: string,
  patch: AccountPatch,
  etag: string | undefined,
): Promise<Versioned<Account>> {
  return requestVersioned((signal) =>
    client.PATCH("/api/admin/v1/accounts/{shortname}", {
      params: { path: { shortname }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

export interface AccountFilter {
  readonly q?: string;
  readonly status?: Standing;
  readonly archived?: boolean;
  readonly order?: "created" | "shortname";
  readonly direction?: "ascending" | "descending";
  readonly cursor?: string;
}

export function useAccounts(filter: AccountFilter, { isEnabled = true } = {}) {
  return useQuery({
    queryKey: ["accounts", filter],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/accounts", { params: { query: filter }, signal }), { signal }),
    placeholderData: keepPreviousData,
    enabled: isEnabled,
  });
}

/** @param idempotencyKey one per opening of a dialog, so that a double click creates one account */
export function createAccount(
  body: { readonly shortname: string; readonly name?: string },
  idempotencyKey: string,
): Promise<Account> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/accounts", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

export interface NewUser {
  readonly account: string;
  readonly name: string;
  readonly access: "full" | "read_only";
  readonly may_rotate?: boolean;
  readonly networks?: string[];
}

export function createUser(body: NewUser, idempotencyKey: string): Promise<ApiUser> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/users", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

/** @param body.public_key never a private key: the caller has checked (`isPrivateKey`) */
export function addKey(
  username: string,
  body: {
    readonly public_key: string;
    readonly label?: string;
    readonly expires_at?: string | null;
    readonly networks?: string[];
    readonly proof?: string;
  },
  idempotencyKey: string,
): Promise<Versioned<PublicKey>> {
  return requestVersioned((signal) =>
    client.POST("/api/admin/v1/users/{username}/keys", {
      params: { path: { username }, header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

/** Bypasses the query cache: pasted text is kept nowhere. */
export function inspectKey(publicKey: string, signal: AbortSignal): Promise<InspectedKey> {
  return requestData(
    (signal) => client.POST("/api/admin/v1/keys/inspect", { body: { public_key: publicKey }, signal }),
    { signal },
  );
}

/** Whose tokens would stop working. */
export type ImpactScope = { readonly key_id: number } | { readonly username: string } | { readonly account: string };

export function useImpact(scope: ImpactScope) {
  return useQuery({
    queryKey: ["impact", scope],
    queryFn: ({ signal }) => readImpact(scope, signal),
    staleTime: 0,
    gcTime: 0,
  });
}

function readImpact(scope: ImpactScope, signal: AbortSignal): Promise<Impact> {
  return requestData((signal) => client.GET("/api/admin/v1/impact", { params: { query: scope }, signal }), { signal });
}

/** The live tokens of several API users or keys together, and how many clients hold any. */
export function useImpactOf(scopes: readonly ImpactScope[]) {
  return useQuery({
    queryKey: ["impact", scopes],
    queryFn: async ({ signal }) => {
      const impacts = await Promise.all(scopes.map((scope) => readImpact(scope, signal)));
      return {
        tokens: impacts.reduce((sum, impact) => sum + impact.live_tokens, 0),
        // Several keys may be of one client.
        clients: new Set(impacts.flatMap(({ clients }) => clients.map(({ username }) => username))).size,
      };
    },
    staleTime: 0,
    gcTime: 0,
  });
}

/** Tokens issued per hour. @param hours how many to show, ending with the current one */
export function useUsage(scope: { readonly username: string }, hours: number) {
  return useQuery({
    queryKey: ["usage", scope, hours],
    queryFn: async ({ signal }) => {
      // Whole hours, including the current one: the API rounds down.
      const from = new Date(Date.now() - (hours - 1) * 3_600_000).toISOString();
      return requestData(
        (signal) => client.GET("/api/admin/v1/usage", { params: { query: { ...scope, from } }, signal }),
        { signal },
      );
    },
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

/** Refused assertions that named an API user, by code. @param hours how many, ending with the current one */
export function useUserRefusals(username: string, hours: number) {
  return useQuery({
    queryKey: ["refusals", username, hours],
    queryFn: ({ signal }) =>
      requestData(
        (signal) =>
          client.GET("/api/admin/v1/users/{username}/refusals", {
            params: { path: { username }, query: { hours } },
            signal,
          }),
        { signal },
      ),
    refetchInterval: 60_000,
  });
}
