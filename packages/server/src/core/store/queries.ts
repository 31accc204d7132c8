/**
 * What administrators look at: lists with filters, in pages, and figures. Reads only.
 *
 * Pages are by keyset, not by offset: `after` is the key of the last item before, so that nothing is skipped or shown twice when
 * rows come or go meanwhile, and a page deep in a million rows costs what the first one does.
 */
import type { Access, Role } from "@countersign/protocol";
import type { AuditEvent } from "../feed/audit-chain.ts";
import type { Account, AccountId } from "../accounts/model.ts";
import type { ApiUser, ApiUserId } from "../users/model.ts";
import type { KeyId, PublicKey } from "../keys/model.ts";
import type { ResourceServer } from "../resource-servers/model.ts";
import type { Standing } from "../standing.ts";
import type { AdminToken, Invitation, Operator } from "../operators/model.ts";

/** A part of a list. */
export interface PageRequest {
  /** From 1 on. */
  readonly limit: number;
  /**
   * Where the page begins: behind the item with this key, in the list's direction, or before it. The key is that of the list:
   * `[id]`, or what each list says. Neither: the first page.
   */
  readonly from?: { readonly key: PageKey; readonly direction: "after" | "before" } | undefined;
}

export type PageKey = readonly (string | number)[];

/** A part of a list, always in the list's order. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Is there something before the first item, and behind the last one? */
  readonly hasPrevious: boolean;
  readonly hasNext: boolean;
  /** How many items match in all; counted up to one more than `COUNT_MAX`. */
  readonly count: number;
}

/** An account, as a list shows it. */
export interface ListedAccount extends Account {
  /** How many API users it has. */
  readonly users: number;
}

/** An API user, as a list shows it. */
export interface ListedUser extends ApiUser {
  /** Keys that are active, expired ones among them. */
  readonly activeKeys: number;
  readonly keys: number;
  /** Of all its keys, the latest. */
  readonly lastUsedAtMs: number | null;
  /** Tokens issued since `todaySeconds`. */
  readonly tokensToday: number;
}

export interface UserFilter {
  readonly accountId?: AccountId | undefined;
  readonly status?: Standing | undefined;
  readonly access?: Access | undefined;
  /**
   * Begins a username or the name in it (what follows `api-<account id>-`), or is a key's fingerprint or thumbprint. In lower
   * case but for those two.
   */
  readonly search?: string | undefined;
}

/** The newest first, or by name. */
export type UserOrder = "newest" | "name";

export interface EventFilter {
  /** Events about this account, its users, keys and tokens alone. */
  readonly accountId?: AccountId | undefined;
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  /** An action, or its beginning up to the dot, such as `key`. */
  readonly action?: string | undefined;
  /** Milliseconds since the epoch; inclusive, and exclusive. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** Whose usage: of a key, a user, an account, or of everything. */
export type UsageScope =
  | { readonly keyId: KeyId }
  | { readonly userId: ApiUserId }
  | { readonly accountId: AccountId }
  | Record<string, never>;

/** Tokens issued in the hour that began at `hourSeconds`, since the epoch. */
export interface UsageHour {
  readonly hourSeconds: number;
  readonly tokens: number;
}

/** An API user whose tokens would be dead, and how many those are. */
export interface LiveTokens {
  readonly username: string;
  /**
   * Tokens that were issued and haven't expired. Counted by the ten minutes in which they expire, so it may be a few too many;
   * written every few seconds, so it may lag. Tokens that were revoked one by one are among them.
   */
  readonly liveTokens: number;
  readonly lastUsedAtMs: number | null;
}

export interface AdminQueries {
  /** Key `[id]`; the oldest first. `search` begins the shortname or the name, whatever the case. */
  pageAccounts(
    filter: {
      readonly accountId?: AccountId | undefined;
      readonly status?: Standing | undefined;
      readonly search?: string | undefined;
    },
    page: PageRequest,
  ): Promise<Page<ListedAccount>>;
  findAccount(shortname: string): Promise<Account | undefined>;
  /** One account as the list shows it. */
  findListedAccount(shortname: string): Promise<ListedAccount | undefined>;

  /** Key `[id]` for the newest first; `[name, id]` by name. @param todaySeconds when today began, since the epoch */
  pageUsers(filter: UserFilter, order: UserOrder, todaySeconds: number, page: PageRequest): Promise<Page<ListedUser>>;
  /** One user as the list shows it. */
  findListedUser(username: string, todaySeconds: number): Promise<ListedUser | undefined>;

  /** Key `[id]`; the newest first. */
  pageKeys(userId: ApiUserId, page: PageRequest): Promise<Page<PublicKey>>;

  findResourceServer(name: string): Promise<ResourceServer | undefined>;
  /** Key `[id]`; the oldest first. `search` begins the name. */
  pageResourceServers(
    filter: { readonly status?: Standing | undefined; readonly search?: string | undefined },
    page: PageRequest,
  ): Promise<Page<ResourceServer>>;

  /** Key `[id]`; the oldest first. `search` begins the e-mail address. */
  pageOperators(
    filter: {
      readonly accountId?: AccountId | undefined;
      readonly role?: Role | undefined;
      readonly status?: Standing | undefined;
      readonly search?: string | undefined;
    },
    page: PageRequest,
  ): Promise<Page<Operator>>;
  /** Those that aren't over; the newest first. Key `[id]`. Without the set-up link. */
  pageInvitations(
    filter: { readonly accountId?: AccountId | undefined },
    nowMs: number,
    page: PageRequest,
  ): Promise<Page<Invitation>>;
  /** Key `[id]`; the newest first. */
  pageAdminTokens(filter: { readonly accountId?: AccountId | undefined }, page: PageRequest): Promise<Page<AdminToken>>;

  /** Key `[seq]`; the newest first. */
  pageEvents(filter: EventFilter, page: PageRequest): Promise<Page<AuditEvent>>;

  /** Hours in which tokens were issued, in order, from one (inclusive) until another (exclusive). */
  usageHours(scope: UsageScope, fromSeconds: number, untilSeconds: number): Promise<readonly UsageHour[]>;
  /** The tokens that are alive, by user, most first, at most `limit` users; and all of them added up. */
  liveTokens(
    scope: UsageScope,
    nowSeconds: number,
    limit: number,
  ): Promise<{ readonly users: readonly LiveTokens[]; readonly userCount: number; readonly liveTokens: number }>;
}
