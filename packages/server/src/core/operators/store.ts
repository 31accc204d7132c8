import type { Role } from "@countersign/protocol";
import type { AccountId } from "../accounts/model.ts";
import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type {
  AdminToken,
  AdminTokenId,
  DeviceDecision,
  DeviceSignIn,
  DeviceSignInId,
  FederatedIdentity,
  Invitation,
  InvitationId,
  Operator,
  OperatorId,
  Passkey,
  PasskeyId,
  Session,
  SessionId,
} from "./model.ts";

type Inserted<Thing, More extends string = never> = Omit<Thing, "id" | "account" | More>;

/** Reads operators outside of transactions. */
export interface OperatorStore {
  find(id: OperatorId): Promise<Operator | undefined>;
  findByEmail(email: string): Promise<Operator | undefined>;
  count(): Promise<number>;
  /** Oldest first; the page key is `[id]`. `search` is a prefix of the e-mail address. */
  page(
    filter: {
      readonly accountId?: AccountId | undefined;
      /** Operators who can see this account: those limited to it, and those limited to none. */
      readonly accessTo?: AccountId | undefined;
      readonly role?: Role | undefined;
      readonly status?: Standing | undefined;
      readonly search?: string | undefined;
    },
    page: PageRequest,
  ): Promise<Page<Operator>>;
}

/** Reads and writes operators in a transaction. */
export interface OperatorTransaction {
  find(id: OperatorId): Promise<Operator | undefined>;
  findByEmail(email: string): Promise<Operator | undefined>;
  findByIdentity(identity: FederatedIdentity): Promise<Operator | undefined>;
  count(): Promise<number>;
  /** Operators with the role `owner` that aren't limited to an account and are active. */
  countOwners(): Promise<number>;
  insert(operator: Inserted<Operator, "status" | "lastSignedInAtMs">): Promise<Operator>;
  update(
    id: OperatorId,
    values: Partial<Pick<Operator, "role" | "accountId" | "passwordHash" | "lastSignedInAtMs" | "email">> & {
      readonly status?: Standing;
    },
  ): Promise<void>;
}

/** Reads operators' sessions outside of transactions, and records when they were last seen, which a crash may lose. */
export interface SessionStore {
  /** A session with its operator, by the hash of the cookie's value. */
  find(secretHash: string): Promise<{ readonly session: Session; readonly operator: Operator } | undefined>;
  /** The newest first. */
  list(operatorId: OperatorId): Promise<readonly Session[]>;
  /** Keeps the later of the stored and the given time. */
  touch(id: SessionId, lastSeenAtMs: number): Promise<void>;
}

/** Reads and writes operators' sessions in a transaction. */
export interface SessionTransaction {
  insert(session: Inserted<Session>): Promise<Session>;
  /** @returns whether it was there */
  delete(operatorId: OperatorId, id: SessionId): Promise<boolean>;
  /** Deletes the session only if it belongs to that operator. */
  deleteBySecret(operatorId: OperatorId, secretHash: string): Promise<void>;
  /** @param except a session to keep */
  deleteAllOf(operatorId: OperatorId, except?: SessionId): Promise<void>;
}

/** Reads operators' passkeys outside of transactions. */
export interface PasskeyStore {
  list(operatorId: OperatorId): Promise<readonly Passkey[]>;
  find(credentialId: string): Promise<Passkey | undefined>;
}

/** Reads and writes operators' passkeys in a transaction. */
export interface PasskeyTransaction {
  list(operatorId: OperatorId): Promise<readonly Passkey[]>;
  insert(passkey: Inserted<Passkey, "lastUsedAtMs">): Promise<Passkey>;
  update(id: PasskeyId, values: Pick<Passkey, "counter" | "lastUsedAtMs">): Promise<void>;
  /** @returns whether it was there */
  delete(operatorId: OperatorId, id: PasskeyId): Promise<boolean>;
}

/** Recovery codes outside of changes. */
export interface RecoveryCodeStore {
  count(operatorId: OperatorId): Promise<number>;
}

/** Reads and writes recovery codes in a transaction. */
export interface RecoveryCodeTransaction {
  /** Replaces all codes of the operator. */
  replace(operatorId: OperatorId, hashes: readonly string[]): Promise<void>;
  /** Removes the code. @returns whether it was there */
  use(operatorId: OperatorId, hash: string): Promise<boolean>;
}

/** Counts attempts to sign in, outside of changes. */
export interface SignInAttemptStore {
  /**
   * Counts an attempt in the open window of that name, or begins a window. No two attempts get the same number, even at different
   * nodes.
   *
   * @returns the number of attempts, this one included, and when the window ends; at that instant it has ended
   */
  count(
    nameHash: string,
    nowMs: number,
    windowMs: number,
  ): Promise<{ readonly failures: number; readonly endsAtMs: number }>;
  /** Takes one attempt off the count. */
  takeBack(nameHash: string): Promise<void>;
}

/** Reads one-time links outside of transactions. */
export interface InvitationStore {
  findBySecret(secretHash: string): Promise<Invitation | undefined>;
  /** Unexpired links other than the set-up link. Newest first; the page key is `[id]`. */
  page(
    filter: { readonly accountId?: AccountId | undefined },
    nowMs: number,
    page: PageRequest,
  ): Promise<Page<Invitation>>;
}

/** Reads and writes one-time links in a transaction. */
export interface InvitationTransaction {
  find(id: InvitationId): Promise<Invitation | undefined>;
  findBySecret(secretHash: string): Promise<Invitation | undefined>;
  /** Unexpired links for the address. */
  findFor(email: string, nowMs: number): Promise<readonly Invitation[]>;
  insert(invitation: Inserted<Invitation>): Promise<Invitation>;
  /** @returns whether it was there */
  delete(id: InvitationId): Promise<boolean>;
  /** Removes every invitation of that kind. */
  deleteOfKind(kind: Invitation["kind"]): Promise<void>;
}

/** Reads admin tokens outside of transactions, and records when they were last used, which a crash may lose. */
export interface AdminTokenStore {
  findBySecret(secretHash: string): Promise<AdminToken | undefined>;
  /** Keeps the later of the stored and the given time. */
  touch(id: AdminTokenId, lastUsedAtMs: number): Promise<void>;
  /** Newest first; the page key is `[id]`. */
  page(filter: { readonly accountId?: AccountId | undefined }, page: PageRequest): Promise<Page<AdminToken>>;
  /** Unrevoked tokens that are bound to the operator. Newest first. */
  listOf(operatorId: OperatorId): Promise<readonly AdminToken[]>;
}

/** Reads and writes admin tokens in a transaction. */
export interface AdminTokenTransaction {
  find(id: AdminTokenId): Promise<AdminToken | undefined>;
  findByName(name: string): Promise<AdminToken | undefined>;
  /** Tokens limited to an account that have this name there. */
  findNamed(ownName: string): Promise<readonly AdminToken[]>;
  /** Unrevoked tokens by their creator. @param createdBy the actor's name in the audit log */
  findCreatedBy(createdBy: string): Promise<readonly AdminToken[]>;
  /** Unrevoked tokens that are bound to the operator. Oldest first. */
  findOf(operatorId: OperatorId): Promise<readonly AdminToken[]>;
  insert(token: Inserted<AdminToken, "revokedAtMs" | "lastUsedAtMs" | "operatorEmail">): Promise<AdminToken>;
  /** Keeps the first time of revocation. */
  revoke(id: AdminTokenId, revokedAtMs: number): Promise<void>;
}

/** Reads command lines that wait to be signed in, outside of transactions. */
export interface DeviceSignInStore {
  findByDeviceCode(deviceCodeHash: string): Promise<DeviceSignIn | undefined>;
  findByUserCode(userCodeHash: string): Promise<DeviceSignIn | undefined>;
  /** The addresses of those that expire later and aren't decided, one for each. */
  listOpenAddresses(nowMs: number): Promise<readonly string[]>;
}

/** Reads and writes command lines that wait to be signed in, in a transaction. */
export interface DeviceSignInTransaction {
  findByDeviceCode(deviceCodeHash: string): Promise<DeviceSignIn | undefined>;
  findByUserCode(userCodeHash: string): Promise<DeviceSignIn | undefined>;
  /** As {@link DeviceSignInStore.listOpenAddresses}. */
  listOpenAddresses(nowMs: number): Promise<readonly string[]>;
  insert(signIn: Omit<DeviceSignIn, "id" | "decision">): Promise<DeviceSignIn>;
  decide(id: DeviceSignInId, decision: DeviceDecision): Promise<void>;
  /** @returns whether it was there */
  delete(id: DeviceSignInId): Promise<boolean>;
  /** Removes those that the operator approved and that have no token yet. */
  deleteApprovedBy(operatorId: OperatorId): Promise<void>;
}
