/**
 * The storage port of operators. Part of the registry's store: changes are made in the same transaction as their audit event.
 */
import type { Standing } from "../standing.ts";
import type {
  AdminToken,
  AdminTokenId,
  FederatedIdentity,
  Invitation,
  InvitationId,
  Operator,
  OperatorId,
  Passkey,
  PasskeyId,
  Session,
  SessionId,
} from "../operators/model.ts";

type Inserted<Thing, More extends string = never> = Omit<Thing, "id" | "account" | More>;

/** Changes, and what they have to see first. Whatever isn't there is `undefined`. */
export interface OperatorTransaction {
  findOperator(id: OperatorId): Promise<Operator | undefined>;
  findOperatorByEmail(email: string): Promise<Operator | undefined>;
  findOperatorByIdentity(identity: FederatedIdentity): Promise<Operator | undefined>;
  /** Operators with the role `owner` that aren't limited to an account and are active. */
  countOwners(): Promise<number>;
  countOperators(): Promise<number>;
  insertOperator(operator: Inserted<Operator, "status" | "lastSignedInAtMs">): Promise<Operator>;
  updateOperator(
    id: OperatorId,
    values: Partial<Pick<Operator, "role" | "accountId" | "passwordHash" | "lastSignedInAtMs" | "email">> & {
      readonly status?: Standing;
    },
  ): Promise<void>;

  insertSession(session: Inserted<Session>): Promise<Session>;
  /** @returns whether it was there */
  deleteSession(operatorId: OperatorId, id: SessionId): Promise<boolean>;
  /** Where it is that operator's. */
  deleteSessionBySecret(operatorId: OperatorId, secretHash: string): Promise<void>;
  /** @param except one that stays */
  deleteSessionsOf(operatorId: OperatorId, except?: SessionId): Promise<void>;

  insertPasskey(passkey: Inserted<Passkey, "lastUsedAtMs">): Promise<Passkey>;
  updatePasskey(id: PasskeyId, values: Pick<Passkey, "counter" | "lastUsedAtMs">): Promise<void>;
  deletePasskey(operatorId: OperatorId, id: PasskeyId): Promise<boolean>;
  listPasskeys(operatorId: OperatorId): Promise<readonly Passkey[]>;
  /**
   * Notes that a challenge was answered, until it has expired by itself.
   *
   * @returns whether it was its first use
   */
  useChallenge(hash: string, expiresAtMs: number): Promise<boolean>;

  /** Replaces all codes of the operator. */
  replaceRecoveryCodes(operatorId: OperatorId, hashes: readonly string[]): Promise<void>;
  /** Removes the code. @returns whether it was there */
  useRecoveryCode(operatorId: OperatorId, hash: string): Promise<boolean>;

  insertInvitation(invitation: Inserted<Invitation>): Promise<Invitation>;
  findInvitation(id: InvitationId): Promise<Invitation | undefined>;
  findInvitationBySecret(secretHash: string): Promise<Invitation | undefined>;
  /** Those that aren't over. */
  findInvitationsFor(email: string, nowMs: number): Promise<readonly Invitation[]>;
  /** @returns whether it was there */
  deleteInvitation(id: InvitationId): Promise<boolean>;
  /** Removes every invitation of that kind. */
  deleteInvitationsOfKind(kind: Invitation["kind"]): Promise<void>;

  findAdminToken(id: AdminTokenId): Promise<AdminToken | undefined>;
  findAdminTokenByName(name: string): Promise<AdminToken | undefined>;
  /** Those of accounts that have this name there. */
  findAdminTokensNamed(ownName: string): Promise<readonly AdminToken[]>;
  /** Those that aren't revoked. @param createdBy as the audit log has it */
  findAdminTokensBy(createdBy: string): Promise<readonly AdminToken[]>;
  insertAdminToken(token: Inserted<AdminToken, "revokedAtMs" | "lastUsedAtMs">): Promise<AdminToken>;
  revokeAdminToken(id: AdminTokenId, revokedAtMs: number): Promise<void>;

  /** A creation that was made under this key before; see `core/change/once.ts`. */
  findCreation(principal: string, keyHash: string): Promise<RememberedCreation | undefined>;
  insertCreation(creation: RememberedCreation): Promise<void>;
}

/** A creation that is remembered, so that asking again makes nothing new. */
export interface RememberedCreation {
  /** Who asked, as the audit log has it. */
  readonly principal: string;
  /** SHA-256 of the `Idempotency-Key`, in hex. */
  readonly keyHash: string;
  /** SHA-256 over what was asked, in hex. */
  readonly requestHash: string;
  /** What was made, such as `user:7`. */
  readonly subject: string;
  readonly createdAtMs: number;
}

/** What is read outside of changes, and what may be lost. Whatever isn't there is `undefined`. */
export interface OperatorStore {
  findOperator(id: OperatorId): Promise<Operator | undefined>;
  findOperatorByEmail(email: string): Promise<Operator | undefined>;
  countOperators(): Promise<number>;
  /** A session with its operator, by the hash of the cookie's value. */
  findSession(secretHash: string): Promise<{ readonly session: Session; readonly operator: Operator } | undefined>;
  /** The newest first. */
  listSessions(operatorId: OperatorId): Promise<readonly Session[]>;
  touchSession(id: SessionId, lastSeenAtMs: number): Promise<void>;
  listPasskeys(operatorId: OperatorId): Promise<readonly Passkey[]>;
  findPasskey(credentialId: string): Promise<Passkey | undefined>;
  countRecoveryCodes(operatorId: OperatorId): Promise<number>;
  /**
   * Counts an attempt in the window that is open for that name, or begins one. No two attempts get the same number, on whichever
   * nodes they come.
   *
   * @returns how many there are with this one, and when the window is over: at that instant it is
   */
  countAttempt(
    nameHash: string,
    nowMs: number,
    windowMs: number,
  ): Promise<{ readonly failures: number; readonly endsAtMs: number }>;
  /** Counts one less. */
  takeBackAttempt(nameHash: string): Promise<void>;
  findInvitationBySecret(secretHash: string): Promise<Invitation | undefined>;
  findAdminTokenBySecret(secretHash: string): Promise<AdminToken | undefined>;
  touchAdminToken(id: AdminTokenId, lastUsedAtMs: number): Promise<void>;
}
