import type { Access } from "@countersign/protocol";
import type { Account, AccountId } from "../accounts/model.ts";
import type { KeyId } from "../keys/model.ts";
import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { ApiUserRecord } from "../view/record.ts";
import type { ApiUser, ApiUserId, UserNotes } from "./model.ts";

/** The maximum number of keys in a user's record: active ones first, newest first. */
export const KEYS_PER_RECORD_MAX = 32;

/** An API user with its figures for lists. */
export interface ListedUser extends ApiUser {
  /** Active keys, including expired ones. */
  readonly activeKeys: number;
  readonly keys: number;
  /** The latest use of any of its keys. */
  readonly lastUsedAtMs: number | null;
  /** Tokens issued since `todaySeconds`. */
  readonly tokensToday: number;
}

export interface UserFilter {
  readonly accountId?: AccountId | undefined;
  readonly status?: Standing | undefined;
  readonly access?: Access | undefined;
  /** Those that are archived, instead of the others. */
  readonly archived?: boolean | undefined;
  /**
   * Any part of a username, of a display name, of its account's shortname or name, or of a label of its keys, in either case; or the
   * beginning of a key's fingerprint, with or without `SHA256:`, or of its thumbprint: at least `KEY_PREFIX_MIN` characters, in their
   * case. Empty finds every user.
   */
  readonly search?: string | undefined;
  /** The beginning of the name, which is the part of the username after `api-<account id>-`. Such a list is by name. */
  readonly namePrefix?: string | undefined;
}

/** The fewest characters of a fingerprint or thumbprint that are looked for. A million keys have about one of four that begin alike. */
export const KEY_PREFIX_MIN = 4;

/** Newest first, or by name. */
export type UserOrder = "newest" | "name";

/** Reads API users outside of transactions. */
export interface UserStore {
  list(): Promise<readonly ApiUser[]>;
  find(username: string): Promise<ApiUser | undefined>;
  /** Those of the usernames that exist, in no order. One query: give some hundred at most. */
  findAll(usernames: readonly string[]): Promise<readonly ApiUser[]>;
  /** An account's users that aren't archived and whose names are greater than `afterName`, ordered by the bytes of their names, at most `limit`. */
  listAfter(accountId: AccountId, afterName: string, limit: number): Promise<readonly ApiUser[]>;
  /** One user with its figures. */
  findListed(username: string, todaySeconds: number): Promise<ListedUser | undefined>;
  /** Key `[id]` for the newest first; `[name, id]` by name. @param todaySeconds when today began, since the epoch */
  page(filter: UserFilter, order: UserOrder, todaySeconds: number, page: PageRequest): Promise<Page<ListedUser>>;
  /** A consistent record of what requests need to know about a user. */
  loadRecord(username: string): Promise<ApiUserRecord | undefined>;
  loadRecordByKey(keyId: KeyId): Promise<ApiUserRecord | undefined>;
}

/** Reads and writes API users in a transaction. */
export interface UserTransaction {
  find(username: string): Promise<ApiUser | undefined>;
  /** The username is made from the account's id and the name. */
  insert(
    user: {
      account: Account;
      name: string;
      access: Access;
      createdAtMs: number;
      mayRotate?: boolean | undefined;
      networks?: readonly string[] | undefined;
    } & Partial<UserNotes>,
  ): Promise<ApiUser>;
  setStatus(userId: ApiUserId, status: Standing): Promise<void>;
  /** Those that exist, in any order. */
  findAll(usernames: readonly string[]): Promise<readonly ApiUser[]>;
  /** Ids for {@link insertAll}, ascending. An id that isn't used then may be missing for good. */
  reserveIds(count: number): Promise<readonly ApiUserId[]>;
  /** Inserts many users in a few statements, with reserved ids. */
  insertAll(users: readonly ApiUser[]): Promise<void>;
  /** Changes what may be changed of a user besides its status. */
  update(
    userId: ApiUserId,
    values: UserNotes & Pick<ApiUser, "access" | "mayRotate" | "networks" | "archivedAtMs">,
  ): Promise<void>;
}
