/**
 * The storage port: what the registry needs of a database, in the domain's words. Engines implement it in `storage/`; one
 * contract suite runs on all of them.
 */
import type { Access } from "@countersign/protocol";
import type { SigningKeyRecord } from "../signing-keys/signing-keys.ts";
import type { AuditEvent, UnchainedEvent } from "../feed/audit-chain.ts";
import type { Account, AccountId } from "../accounts/model.ts";
import type { ApiUser, ApiUserId } from "../users/model.ts";
import type { ApiUserRecord } from "../view/record.ts";
import type { KeyId, KeyStatus, PublicKey } from "../keys/model.ts";
import type { ResourceServer, ResourceServerId } from "../resource-servers/model.ts";
import type { Standing } from "../standing.ts";
import type { AdminQueries } from "./queries.ts";
import type { OperatorStore, OperatorTransaction } from "./operators.ts";
import type { TokenIdentity } from "../token/token-identity.ts";

/** The most keys of one user that a record carries: active ones first, then the newest. */
export const KEYS_PER_RECORD_MAX = 32;

/** A token that was revoked, and whose it was. */
export interface RevokedToken extends TokenIdentity {
  readonly userId: ApiUserId;
}

/** What a key was used for since usage was last written. */
export interface KeyUsageRecord {
  readonly keyId: KeyId;
  readonly lastUsedAtMs: number;
  /** Tokens issued, by the hour; the hour by when it began, in whole seconds since the epoch. */
  readonly tokensByHour: ReadonlyMap<number, number>;
  /**
   * Tokens issued, by when they expire: by the end of the ten minutes in which they do, in whole seconds since the epoch.
   */
  readonly tokensByExpiry: ReadonlyMap<number, number>;
}

/** A process that serves, as the others see it. */
export interface LiveNode {
  readonly id: string;
  readonly startedAtMs: number;
  readonly seenAtMs: number;
  readonly version: string;
  /** The numbers of the signing keys whose tokens it can check. */
  readonly signingKeys: readonly number[];
}

/** Wakes a reader of the change feed. */
export interface ChangeWatch {
  /** Would a change elsewhere be told of? Where not, it has to be looked for all the time. */
  isReliable(): boolean;
  stop(): Promise<void>;
}

/** Which store this is. */
export interface StoreIdentity {
  /** 16 random bytes, in hex. */
  readonly id: string;
  /** The id that it had before it was accepted as it is; `null` where it never was. */
  readonly previousId: string | null;
  /** When {@link RegistryStore.backup} wrote this store; `null` for any other, and for one that was accepted. */
  readonly backupAtMs: number | null;
  /** Whether its position has been remembered beside it, {@link RegistryStore.noteRemembered}. */
  readonly isRemembered: boolean;
}

/** The highest id of each kind that a store has given; 0 where there is none. Rows of these kinds are never removed. */
export interface HighestIds {
  readonly accounts: number;
  readonly users: number;
  readonly keys: number;
  readonly resourceServers: number;
  readonly operators: number;
  readonly adminTokens: number;
  readonly signingKeys: number;
}

/** A place in the change feed. */
export type FeedPosition = Pick<AuditEvent, "seq" | "hash">;

/** An assertion of an OAuth client, which may be used once. */
export interface UsedAssertion {
  readonly userId: ApiUserId;
  /** Stands for the `jti`, which is the client's text. */
  readonly jtiHash: string;
  /** Whole seconds since the epoch; from then on the assertion is refused as expired, and this may be forgotten. */
  readonly expiresAtSeconds: number;
}

/** From before when rows are removed. Seconds are since the epoch. */
export interface ExpiryBounds {
  readonly expiredBeforeSeconds: number;
  readonly usageBeforeSeconds: number;
  /** Remembered creations; milliseconds since the epoch. */
  readonly creationsBeforeMs: number;
  /** Sessions that were begun, or not seen, before these; milliseconds since the epoch. */
  readonly sessionsBegunBeforeMs: number;
  readonly sessionsSeenBeforeMs: number;
  /** By the store's clock. */
  readonly unseenForMs: number;
}

/** Reads that see a consistent state, and writes that all happen or none. */
export interface StoreTransaction extends OperatorTransaction {
  findAccount(shortname: string): Promise<Account | undefined>;
  findUser(username: string): Promise<ApiUser | undefined>;
  findKey(keyId: KeyId): Promise<PublicKey | undefined>;
  /** Every key of every user with this thumbprint. */
  findKeysByThumbprint(thumbprint: string): Promise<readonly PublicKey[]>;
  /** Keys of the user that aren't revoked. */
  countUsableKeys(userId: ApiUserId): Promise<number>;
  listSigningKeys(): Promise<readonly SigningKeyRecord[]>;
  storeId(): Promise<string>;
  /** Gives the store another id. It isn't a backup any more, if it was one. */
  renewStoreId(id: string): Promise<void>;
  /** Ids that are given from now on are greater than these. */
  raiseIds(ids: HighestIds): Promise<void>;

  insertAccount(account: Omit<Account, "id" | "status">): Promise<Account>;
  /** The username is made from the account's id and the name. */
  insertUser(user: { account: Account; name: string; access: Access; createdAtMs: number }): Promise<ApiUser>;
  insertKey(key: Omit<PublicKey, "id" | "username" | "status" | "lastUsedAtMs">): Promise<KeyId>;
  setAccountStatus(accountId: AccountId, status: Standing): Promise<void>;
  setUserStatus(userId: ApiUserId, status: Standing): Promise<void>;
  setKeyStatus(keyId: KeyId, status: KeyStatus): Promise<void>;
  /** Changes what may be changed of a key besides its status. */
  updateKey(keyId: KeyId, values: Partial<Pick<PublicKey, "label" | "expiresAtMs">>): Promise<void>;
  insertSigningKey(key: SigningKeyRecord): Promise<void>;
  updateSigningKey(
    number: number,
    values: Partial<Pick<SigningKeyRecord, "activatedAtMs" | "retiredAtMs">>,
  ): Promise<void>;
  /** Nodes that were seen within so many milliseconds. */
  listLiveNodes(withinMs: number): Promise<readonly LiveNode[]>;

  findResourceServer(name: string): Promise<ResourceServer | undefined>;
  insertResourceServer(server: Pick<ResourceServer, "name" | "secretHash" | "createdAtMs">): Promise<ResourceServer>;
  updateResourceServer(
    id: ResourceServerId,
    values: Partial<Pick<ResourceServer, "status" | "secretHash" | "previousSecret">>,
  ): Promise<void>;
  /** Tokens of the user on the deny-list that haven't expired; counted up to `max`. */
  countRevokedTokens(userId: ApiUserId, nowSeconds: number, max: number): Promise<number>;
  /** @returns whether the token wasn't on the deny-list yet */
  insertRevokedToken(token: RevokedToken): Promise<boolean>;
  /** Appends the event behind the last one, chained to it. In one store, `seq` is commit order without gaps. */
  appendEvent(event: UnchainedEvent): Promise<AuditEvent>;
}

/** A store of the registry. Every method rejects where the store can't be reached. */
export interface RegistryStore extends OperatorStore, AdminQueries {
  readonly engine: "sqlite" | "postgresql";

  /**
   * Runs the work in a transaction that no other writer can interleave with. What it throws rolls everything back.
   *
   * @throws {Refusal} `unavailable` where the store can't be written, or not within 5 s of the call: then the change is never
   *   made. Only where the answer to a commit is lost isn't that known, and the message says so
   */
  transaction<Result>(work: (transaction: StoreTransaction) => Promise<Result>): Promise<Result>;

  /**
   * Why the last write of this process failed, such as `the disk is full`; `undefined` once one got through. For operators; the
   * text holds no path and no secret.
   */
  writeProblem(): string | undefined;

  /** What requests need to know of a user; all of it from one moment. */
  loadUserByName(username: string): Promise<ApiUserRecord | undefined>;
  loadUserByKey(keyId: KeyId): Promise<ApiUserRecord | undefined>;

  listAccounts(): Promise<readonly Account[]>;
  listUsers(): Promise<readonly ApiUser[]>;
  listKeys(userId: ApiUserId): Promise<readonly PublicKey[]>;
  findUser(username: string): Promise<ApiUser | undefined>;
  findKey(keyId: KeyId): Promise<PublicKey | undefined>;
  /** In the order of their numbers. */
  listSigningKeys(): Promise<readonly SigningKeyRecord[]>;
  /** The store's own random id, in hex. Signing keys derive from it; a copy of the store has the same one. */
  storeId(): Promise<string>;
  storeIdentity(): Promise<StoreIdentity>;
  highestIds(): Promise<HighestIds>;
  /** Notes that the store's position is remembered beside it: from now on it isn't opened where that is missing. */
  noteRemembered(): Promise<void>;
  listResourceServers(): Promise<readonly ResourceServer[]>;
  loadResourceServer(id: ResourceServerId): Promise<ResourceServer | undefined>;

  isTokenRevoked(token: TokenIdentity): Promise<boolean>;
  /** The deny-list without what expired before `fromSeconds`, in parts of at most `limit`; each call takes the last part's `next`. */
  revokedTokens(
    fromSeconds: number,
    after: number,
    limit: number,
  ): Promise<{ readonly tokens: readonly RevokedToken[]; readonly next: number }>;
  /**
   * Notes that assertions are used up.
   *
   * @returns for each, in their order, whether this was its first use
   */
  useAssertions(assertions: readonly UsedAssertion[]): Promise<readonly boolean[]>;
  /**
   * Removes what isn't needed any more, at most `limit` rows of each kind: revoked tokens and used assertions that expired,
   * hours of usage, and nodes that weren't seen.
   *
   * @returns how many rows were removed; 0 also where another node is at it
   */
  removeExpired(before: ExpiryBounds, limit: number): Promise<number>;

  /** Events with `seq` greater than the given one, in their order, at most `limit`. */
  eventsAfter(seq: number, limit: number): Promise<readonly AuditEvent[]>;
  /** The last event; `seq` 0 and the chain's start where there is none. */
  lastEvent(): Promise<FeedPosition>;
  /** A value that differs whenever another process has committed since it was last read. Cheap enough for every 50 ms. */
  changeMarker(): Promise<string>;
  /**
   * From now on everything rejects with {@link StoreBroken} for this reason: nothing in the store is to be relied on. A store
   * that several machines share doesn't have it.
   */
  giveUp?(problem: string): void;
  /** Calls back when another process has committed a change, where the engine can tell. */
  watchChanges(onChange: () => void): ChangeWatch;

  /** Keeps the later of the stored and the given time for each key, and adds the tokens to those of each hour. */
  recordKeyUsage(usage: readonly KeyUsageRecord[]): Promise<void>;
  /** Tokens issued under a key, by the hour, from `fromSeconds` on, in order. */
  keyUsageHours(
    keyId: KeyId,
    fromSeconds: number,
  ): Promise<readonly { readonly hourSeconds: number; readonly tokens: number }[]>;

  /** The database's wall clock, in milliseconds since the epoch; `undefined` where it has this machine's. */
  clockMs(): Promise<number | undefined>;
  /** Says that a node is there. The store's clock says when. */
  recordNode(node: Omit<LiveNode, "seenAtMs">): Promise<void>;
  removeNode(id: string): Promise<void>;
  listLiveNodes(withinMs: number): Promise<readonly LiveNode[]>;

  /** Writes a consistent copy of the whole store to a file that doesn't exist yet. */
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
