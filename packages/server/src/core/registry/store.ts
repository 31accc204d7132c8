/**
 * The storage port: what the registry needs of a database, in the domain's words. Engines implement it in `storage/`; one
 * contract suite runs on all of them.
 */
import type { Access } from "@countersign/protocol";
import type { SigningKeyRecord } from "../token/signing-keys.ts";
import type { AuditEvent, UnchainedEvent } from "./audit-chain.ts";
import type {
  Account,
  AccountId,
  ApiUser,
  ApiUserId,
  ApiUserRecord,
  KeyId,
  KeyStatus,
  PublicKey,
  ResourceServer,
  ResourceServerId,
  Standing,
} from "./model.ts";
import type { TokenIdentity } from "../token/token-identity.ts";

/** The most keys of one user that a record carries: active ones first, then the newest. */
export const KEYS_PER_RECORD_MAX = 32;

/** A token that was revoked, and whose it was. */
export interface RevokedToken extends TokenIdentity {
  readonly userId: ApiUserId;
}

/** An assertion of an OAuth client, which may be used once. */
export interface UsedAssertion {
  readonly userId: ApiUserId;
  /** Stands for the `jti`, which is the client's text. */
  readonly jtiHash: string;
  /** Whole seconds since the epoch; from then on the assertion is refused as expired, and this may be forgotten. */
  readonly expiresAtSeconds: number;
}

/** Reads that see a consistent state, and writes that all happen or none. */
export interface StoreTransaction {
  findAccount(shortname: string): Promise<Account | undefined>;
  findUser(username: string): Promise<ApiUser | undefined>;
  findKey(keyId: KeyId): Promise<PublicKey | undefined>;
  /** Every key of every user with this thumbprint. */
  findKeysByThumbprint(thumbprint: string): Promise<readonly PublicKey[]>;
  /** Keys of the user that aren't revoked. */
  countUsableKeys(userId: ApiUserId): Promise<number>;
  listSigningKeys(): Promise<readonly SigningKeyRecord[]>;

  insertAccount(account: Omit<Account, "id" | "status">): Promise<Account>;
  /** The username is made from the account's id and the name. */
  insertUser(user: { account: Account; name: string; access: Access; createdAtMs: number }): Promise<ApiUser>;
  insertKey(key: Omit<PublicKey, "id" | "username" | "status" | "lastUsedAtMs">): Promise<KeyId>;
  setAccountStatus(accountId: AccountId, status: Standing): Promise<void>;
  setUserStatus(userId: ApiUserId, status: Standing): Promise<void>;
  setKeyStatus(keyId: KeyId, status: KeyStatus): Promise<void>;
  insertSigningKey(key: SigningKeyRecord): Promise<void>;

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
export interface RegistryStore {
  readonly engine: "sqlite";

  /** Runs the work in a transaction that no other writer can interleave with. What it throws rolls everything back. */
  transaction<Result>(work: (transaction: StoreTransaction) => Promise<Result>): Promise<Result>;

  /** What requests need to know of a user; all of it from one moment. */
  loadUserByName(username: string): Promise<ApiUserRecord | undefined>;
  loadUserByKey(keyId: KeyId): Promise<ApiUserRecord | undefined>;

  listAccounts(): Promise<readonly Account[]>;
  listUsers(): Promise<readonly ApiUser[]>;
  listKeys(userId: ApiUserId): Promise<readonly PublicKey[]>;
  findUser(username: string): Promise<ApiUser | undefined>;
  findKey(keyId: KeyId): Promise<PublicKey | undefined>;
  listSigningKeys(): Promise<readonly SigningKeyRecord[]>;
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
   * Removes revoked tokens and used assertions that expired before this, at most `limit` of each.
   *
   * @returns how many rows were removed
   */
  removeExpired(beforeSeconds: number, limit: number): Promise<number>;

  /** Events with `seq` greater than the given one, in their order, at most `limit`. */
  eventsAfter(seq: number, limit: number): Promise<readonly AuditEvent[]>;
  /** The last event's `seq`; 0 where there is none. */
  lastEventSeq(): Promise<number>;
  /** A value that differs whenever another process has committed since it was last read. Cheap enough for every 50 ms. */
  changeMarker(): Promise<number>;

  /** Keeps the later of the stored and the given time for each key. */
  recordKeyUsage(lastUsedAtMs: ReadonlyMap<KeyId, number>): Promise<void>;

  /** Writes a consistent copy of the whole store to a file that doesn't exist yet. */
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
