import type { Access } from "@countersign/protocol";
import type { Account, AccountId } from "../accounts/model.ts";
import type { KeyId } from "../keys/model.ts";
import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { ApiUserRecord } from "../view/record.ts";
import type { ApiUser, ApiUserId } from "./model.ts";

/** The most keys of one user that a record carries: active ones first, then the newest. */
export const KEYS_PER_RECORD_MAX = 32;

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
   * Begins the name (what follows `api-<account id>-`), or the username up to the account's id at least, or is a key's fingerprint or
   * thumbprint. In lower case but for those two. What begins every username finds every user.
   */
  readonly search?: string | undefined;
}

/** The newest first, or by name. What is searched for is by name, whatever the order that was asked for. */
export type UserOrder = "newest" | "name";

/** API users, as the store reads them outside of changes. */
export interface UserStore {
  list(): Promise<readonly ApiUser[]>;
  find(username: string): Promise<ApiUser | undefined>;
  /** One user as the list shows it. */
  findListed(username: string, todaySeconds: number): Promise<ListedUser | undefined>;
  /** Key `[id]` for the newest first; `[name, id]` by name. @param todaySeconds when today began, since the epoch */
  page(filter: UserFilter, order: UserOrder, todaySeconds: number, page: PageRequest): Promise<Page<ListedUser>>;
  /** What requests need to know of a user; all of it from one moment. */
  loadRecord(username: string): Promise<ApiUserRecord | undefined>;
  loadRecordByKey(keyId: KeyId): Promise<ApiUserRecord | undefined>;
}

/** API users within a change. */
export interface UserTransaction {
  find(username: string): Promise<ApiUser | undefined>;
  /** The username is made from the account's id and the name. */
  insert(user: { account: Account; name: string; access: Access; createdAtMs: number }): Promise<ApiUser>;
  setStatus(userId: ApiUserId, status: Standing): Promise<void>;
}
