/**
 * The storage port: what the domain needs from a database, in the domain's terms, with one repository for each aggregate. The
 * repositories' ports are in their aggregates' folders; this folder has what concerns the store as a whole. `storage/` implements
 * them; the same contract suite runs on every engine.
 */
import type { AccountStore, AccountTransaction } from "../accounts/store.ts";
import type { ChallengeTransaction } from "../challenges/store.ts";
import type { CreationTransaction } from "../change/store.ts";
import type { EventStore, EventTransaction } from "../feed/store.ts";
import type { JobStore, JobTransaction } from "../jobs/store.ts";
import type { KeyAuditStore, KeyAuditTransaction } from "../keys/audit/store.ts";
import type { KeyNoticeStore, KeyNoticeTransaction } from "../keys/notices/store.ts";
import type { KeyStore, KeyTransaction } from "../keys/store.ts";
import type { UsageStore } from "../keys/usage-store.ts";
import type { AssertionStore } from "../oauth/store.ts";
import type {
  AdminTokenStore,
  AdminTokenTransaction,
  DeviceSignInStore,
  DeviceSignInTransaction,
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
import type { WebhookStore, WebhookTransaction } from "../webhooks/store.ts";

/** A subscription to changes of other processes. */
export interface ChangeWatch {
  /** Is every change of another process reported? If not, the reader must poll. */
  isReliable(): boolean;
  stop(): Promise<void>;
}

/** The identity of a store. */
export interface StoreIdentity {
  /** 16 random bytes, in hex. */
  readonly id: string;
  /** The id before the store was last accepted; `null` if it never was. */
  readonly previousId: string | null;
  /** When {@link Store.backup} wrote this store; `null` if it isn't a backup, or was accepted. */
  readonly backupAtMs: number | null;
  /** Whether its position has been remembered outside it; see {@link Store.noteRemembered}. */
  readonly isRemembered: boolean;
}

/** The highest id that a store has assigned for each kind; 0 if none. Rows of these kinds are never removed. */
export interface HighestIds {
  readonly accounts: number;
  readonly users: number;
  readonly keys: number;
  readonly resourceServers: number;
  readonly operators: number;
  readonly adminTokens: number;
  readonly signingKeys: number;
}

/** The ages at which rows are removed. Seconds are since the epoch. */
export interface ExpiryBounds {
  readonly expiredBeforeSeconds: number;
  readonly usageBeforeSeconds: number;
  readonly userRefusalsBeforeSeconds: number;
  /** Remembered creations; milliseconds since the epoch. */
  readonly creationsBeforeMs: number;
  /** Sessions that were begun, or not seen, before these; milliseconds since the epoch. */
  readonly sessionsBegunBeforeMs: number;
  readonly sessionsSeenBeforeMs: number;
  /** For nodes: milliseconds without registering, by the store's clock. */
  readonly unseenForMs: number;
}

/** Consistent reads and atomic writes. A `find` without a result returns `undefined`. */
export interface StoreTransaction {
  readonly accounts: AccountTransaction;
  readonly users: UserTransaction;
  readonly keys: KeyTransaction;
  readonly keyNotices: KeyNoticeTransaction;
  readonly keyAudit: KeyAuditTransaction;
  readonly signingKeys: SigningKeyTransaction;
  readonly nodes: NodeTransaction;
  readonly jobs: JobTransaction;
  readonly resourceServers: ResourceServerTransaction;
  readonly revokedTokens: RevokedTokenTransaction;
  readonly events: EventTransaction;
  readonly operators: OperatorTransaction;
  readonly sessions: SessionTransaction;
  readonly passkeys: PasskeyTransaction;
  readonly recoveryCodes: RecoveryCodeTransaction;
  readonly invitations: InvitationTransaction;
  readonly adminTokens: AdminTokenTransaction;
  readonly deviceSignIns: DeviceSignInTransaction;
  readonly challenges: ChallengeTransaction;
  readonly creations: CreationTransaction;
  readonly webhooks: WebhookTransaction;

  storeId(): Promise<string>;
  /** Gives the store another id. A backup stops being one. */
  renewStoreId(id: string): Promise<void>;
  /** Ids assigned from now on are greater than these. */
  raiseIds(ids: HighestIds): Promise<void>;
}

/**
 * A store of the registry, its operators and its audit log. Every method rejects if the store can't be reached. A `find` without a
 * result returns `undefined`.
 */
export interface Store {
  readonly accounts: AccountStore;
  readonly users: UserStore;
  readonly keys: KeyStore;
  readonly keyNotices: KeyNoticeStore;
  readonly keyAudit: KeyAuditStore;
  readonly usage: UsageStore;
  readonly signingKeys: SigningKeyStore;
  readonly nodes: NodeStore;
  readonly jobs: JobStore;
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
  readonly deviceSignIns: DeviceSignInStore;
  readonly webhooks: WebhookStore;

  readonly engine: "sqlite" | "postgresql";

  /**
   * Runs the work in a transaction with which no other writer can interleave. If the work throws, everything is rolled back.
   *
   * @throws {Refusal} `unavailable` if the store can't be written within 5 s of the call; the change is then never made. Only if the
   *   answer to the commit is lost is the outcome unknown, and the message says so
   */
  transaction<Result>(work: (transaction: StoreTransaction) => Promise<Result>): Promise<Result>;

  /**
   * Why the last write of this process failed, such as `the disk is full`; `undefined` if it succeeded. For operators; the text holds
   * no path and no secret.
   */
  writeProblem(): string | undefined;

  /** The store's own random id, in hex. Signing keys derive from it; a copy of the store has the same one. */
  storeId(): Promise<string>;
  storeIdentity(): Promise<StoreIdentity>;
  highestIds(): Promise<HighestIds>;
  /** Records that the store's position is remembered outside it. From now on it isn't opened if that position is missing. */
  noteRemembered(): Promise<void>;

  /**
   * Removes rows that are no longer needed, at most `limit` of each kind: expired revoked tokens and used assertions, old usage, ended
   * sessions, remembered creations, and nodes that are gone.
   *
   * @returns how many rows were removed; 0 also if another node is removing rows
   */
  removeExpired(before: ExpiryBounds, limit: number): Promise<number>;

  /** A value that differs whenever another process has committed since it was last read. Cheap enough for every 50 ms. */
  changeMarker(): Promise<string>;
  /** Calls back when another process has committed a change, if the engine can report it. */
  watchChanges(onChange: () => void): ChangeWatch;
  /**
   * Makes every later call reject with {@link StoreBroken} for this reason, because the store can't be trusted. Missing for a store
   * that several machines share.
   */
  giveUp?(problem: string): void;

  /** The database's wall clock, in milliseconds since the epoch; `undefined` if it is this machine's clock. */
  clockMs(): Promise<number | undefined>;

  /** Writes a consistent copy of the whole store to a file that doesn't exist yet. */
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
