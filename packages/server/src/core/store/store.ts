/**
 * The storage port: what the domain needs of a database, in the domain's words, one repository an aggregate. The ports of the
 * repositories stand with their aggregates; here is what concerns the store as a whole. Engines implement it in `storage/`; one
 * contract suite runs on all of them.
 */
import type { AccountStore, AccountTransaction } from "../accounts/store.ts";
import type { CreationTransaction } from "../change/store.ts";
import type { EventStore, EventTransaction } from "../feed/store.ts";
import type { KeyStore, KeyTransaction } from "../keys/store.ts";
import type { UsageStore } from "../keys/usage-store.ts";
import type { AssertionStore } from "../oauth/store.ts";
import type {
  AdminTokenStore,
  AdminTokenTransaction,
  InvitationStore,
  InvitationTransaction,
  OperatorStore,
  OperatorTransaction,
  PasskeyStore,
  PasskeyTransaction,
  RecoveryCodeStore,
  RecoveryCodeTransaction,
  SessionStore,
  SessionTransaction,
  SignInAttemptStore,
} from "../operators/store.ts";
import type { ResourceServerStore, ResourceServerTransaction } from "../resource-servers/store.ts";
import type { NodeStore, NodeTransaction, SigningKeyStore, SigningKeyTransaction } from "../signing-keys/store.ts";
import type { RevokedTokenStore, RevokedTokenTransaction } from "../token/store.ts";
import type { UserStore, UserTransaction } from "../users/store.ts";

/** Wakes a reader of the change feed. */
export interface ChangeWatch {
  /** Is the reader woken by every change elsewhere? Where it isn't, it has to look for changes all the time. */
  isReliable(): boolean;
  stop(): Promise<void>;
}

/** Which store this is. */
export interface StoreIdentity {
  /** 16 random bytes, in hex. */
  readonly id: string;
  /** The id that it had before it was accepted as it is; `null` where it never was. */
  readonly previousId: string | null;
  /** When {@link Store.backup} wrote this store; `null` for any other, and for one that was accepted. */
  readonly backupAtMs: number | null;
  /** Whether its position has been remembered beside it, {@link Store.noteRemembered}. */
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

/** Reads that see a consistent state, and writes that all happen or none. A `find` that finds nothing gives `undefined`. */
export interface StoreTransaction {
  readonly accounts: AccountTransaction;
  readonly users: UserTransaction;
  readonly keys: KeyTransaction;
  readonly signingKeys: SigningKeyTransaction;
  readonly nodes: NodeTransaction;
  readonly resourceServers: ResourceServerTransaction;
  readonly revokedTokens: RevokedTokenTransaction;
  readonly events: EventTransaction;
  readonly operators: OperatorTransaction;
  readonly sessions: SessionTransaction;
  readonly passkeys: PasskeyTransaction;
  readonly recoveryCodes: RecoveryCodeTransaction;
  readonly invitations: InvitationTransaction;
  readonly adminTokens: AdminTokenTransaction;
  readonly creations: CreationTransaction;

  storeId(): Promise<string>;
  /** Gives the store another id. It isn't a backup any more, if it was one. */
  renewStoreId(id: string): Promise<void>;
  /** Ids that are given from now on are greater than these. */
  raiseIds(ids: HighestIds): Promise<void>;
}

/**
 * A store of the registry, its operators and its audit log. Every method rejects where the store can't be reached. A `find` that
 * finds nothing gives `undefined`.
 */
export interface Store {
  readonly accounts: AccountStore;
  readonly users: UserStore;
  readonly keys: KeyStore;
  readonly usage: UsageStore;
  readonly signingKeys: SigningKeyStore;
  readonly nodes: NodeStore;
  readonly resourceServers: ResourceServerStore;
  readonly revokedTokens: RevokedTokenStore;
  readonly assertions: AssertionStore;
  readonly events: EventStore;
  readonly operators: OperatorStore;
  readonly sessions: SessionStore;
  readonly passkeys: PasskeyStore;
  readonly recoveryCodes: RecoveryCodeStore;
  readonly signInAttempts: SignInAttemptStore;
  readonly invitations: InvitationStore;
  readonly adminTokens: AdminTokenStore;

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

  /** The store's own random id, in hex. Signing keys derive from it; a copy of the store has the same one. */
  storeId(): Promise<string>;
  storeIdentity(): Promise<StoreIdentity>;
  highestIds(): Promise<HighestIds>;
  /** Notes that the store's position is remembered beside it: from now on it isn't opened where that is missing. */
  noteRemembered(): Promise<void>;

  /**
   * Removes what isn't needed any more, at most `limit` rows of each kind: revoked tokens and used assertions that expired,
   * hours of usage, and nodes that weren't seen.
   *
   * @returns how many rows were removed; 0 also where another node is at it
   */
  removeExpired(before: ExpiryBounds, limit: number): Promise<number>;

  /** A value that differs whenever another process has committed since it was last read. Cheap enough for every 50 ms. */
  changeMarker(): Promise<string>;
  /** Calls back when another process has committed a change, where the engine can tell. */
  watchChanges(onChange: () => void): ChangeWatch;
  /**
   * From now on everything rejects with {@link StoreBroken} for this reason: nothing in the store is to be relied on. A store
   * that several machines share doesn't have it.
   */
  giveUp?(problem: string): void;

  /** The database's wall clock, in milliseconds since the epoch; `undefined` where it has this machine's. */
  clockMs(): Promise<number | undefined>;

  /** Writes a consistent copy of the whole store to a file that doesn't exist yet. */
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
