import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { AccountId } from "../core/accounts/model.ts";
import type {
  AdminToken,
  AdminTokenId,
  Grant,
  Invitation,
  InvitationId,
  Operator,
  OperatorId,
  Passkey,
  PasskeyId,
  Session,
  SessionId,
} from "../core/operators/model.ts";
import type { OperatorStore, OperatorTransaction } from "../core/store/operators.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import type { Database } from "./schema.ts";

/** The operators' port, outside of changes. */
export function operatorStore(
  db: Kysely<Database>,
  write: <Result>(work: (transaction: Transaction<Database>) => Promise<Result>) => Promise<Result>,
): OperatorStore {
  return {
    findOperator: (id) => findOperator(db, id),
    findOperatorByEmail: (email) => findOperatorByEmail(db, email),
    countOperators: () => countOperators(db),
    // One statement, so that the operator is as it was when the session was there.
    findSession: async (secretHash) => {
      if (!canBeStored(secretHash)) return undefined;
      const row = await selectOperators(db)
        .innerJoin("operator_sessions as session", "session.operator_id", "operators.id")
        .select([
          "session.id as session_id",
          "session.method",
          "session.created_at_ms as session_created_at_ms",
          "session.last_seen_at_ms",
          "session.user_agent",
          "session.address",
          "session.authenticated_at_ms",
        ])
        .where("session.secret_hash", "=", secretHash)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const operator = toOperator(row);
      const session = toSession({
        ...row,
        id: row.session_id,
        operator_id: row.id,
        secret_hash: secretHash,
        created_at_ms: row.session_created_at_ms,
      });
      return { session, operator };
    },
    listSessions: async (operatorId) => {
      if (!canBeId(operatorId)) return [];
      const rows = await db
        .selectFrom("operator_sessions")
        .selectAll()
        .where("operator_id", "=", operatorId)
        .orderBy("id", "desc")
        .execute();
      return rows.map(toSession);
    },
    // A time never goes back, whichever process writes last.
    touchSession: async (id, lastSeenAtMs) => {
      await write((transaction) =>
        transaction
          .updateTable("operator_sessions")
          .set({ last_seen_at_ms: lastSeenAtMs })
          .where("id", "=", id)
          .where("last_seen_at_ms", "<", lastSeenAtMs)
          .execute(),
      );
    },
    listPasskeys: (operatorId) => listPasskeys(db, operatorId),
    findPasskey: async (credentialId) => {
      if (!canBeStored(credentialId)) return undefined;
      const row = await db
        .selectFrom("passkeys")
        .selectAll()
        .where("credential_id", "=", credentialId)
        .executeTakeFirst();
      return row && toPasskey(row);
    },
    countRecoveryCodes: async (operatorId) => {
      if (!canBeId(operatorId)) return 0;
      const { count } = await db
        .selectFrom("recovery_codes")
        .select((row) => row.fn.countAll().as("count"))
        .where("operator_id", "=", operatorId)
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    // One statement: of attempts at once, on whichever nodes, no two get the same number. A window that ends later than one that
    // begins now was begun by a clock that was wrong.
    countAttempt: (nameHash, nowMs, windowMs) =>
      write(async (transaction) => {
        const isOver = sql<boolean>`(sign_in_attempts.ends_at_ms <= ${nowMs} or sign_in_attempts.ends_at_ms > ${nowMs + windowMs})`;
        const { failures, ends_at_ms: endsAtMs } = await transaction
          .insertInto("sign_in_attempts")
          .values({ name_hash: nameHash, failures: 1, ends_at_ms: nowMs + windowMs })
          .onConflict((conflict) =>
            conflict.column("name_hash").doUpdateSet({
              failures: sql<number>`case when ${isOver} then 1 else sign_in_attempts.failures + 1 end`,
              ends_at_ms: sql<number>`case when ${isOver} then excluded.ends_at_ms else sign_in_attempts.ends_at_ms end`,
            }),
          )
          .returning(["failures", "ends_at_ms"])
          .executeTakeFirstOrThrow();
        return { failures, endsAtMs };
      }),
    takeBackAttempt: async (nameHash) => {
      await write((transaction) =>
        transaction
          .updateTable("sign_in_attempts")
          .set({ failures: sql<number>`failures - 1` })
          .where("name_hash", "=", nameHash)
          .where("failures", ">", 0)
          .execute(),
      );
    },
    findInvitationBySecret: (secretHash) => findInvitationBySecret(db, secretHash),
    findAdminTokenBySecret: async (secretHash) => {
      if (!canBeStored(secretHash)) return undefined;
      const row = await selectAdminTokens(db).where("admin_tokens.secret_hash", "=", secretHash).executeTakeFirst();
      return row && toAdminToken(row);
    },
    touchAdminToken: async (id, lastUsedAtMs) => {
      await write((transaction) =>
        transaction
          .updateTable("admin_tokens")
          .set({ last_used_at_ms: lastUsedAtMs })
          .where("id", "=", id)
          .where((row) => row.or([row("last_used_at_ms", "is", null), row("last_used_at_ms", "<", lastUsedAtMs)]))
          .execute(),
      );
    },
  };
}

/** The operators' port within a change: no other change comes in between. */
export function operatorTransaction(db: Transaction<Database>): OperatorTransaction {
  return {
    ...changeOperators(db),
    ...changeSessions(db),
    ...changePasskeys(db),
    ...changeInvitations(db),
    ...changeAdminTokens(db),
  };
}

function changeOperators(db: Transaction<Database>) {
  return {
    findOperator: (id) => findOperator(db, id),
    findOperatorByEmail: (email) => findOperatorByEmail(db, email),
    findOperatorByIdentity: async ({ issuer, subject }) => {
      if (!canBeStored(issuer + subject)) return undefined;
      const row = await selectOperators(db)
        .where("federated_issuer", "=", issuer)
        .where("federated_subject", "=", subject)
        .executeTakeFirst();
      return row && toOperator(row);
    },
    countOwners: async () => {
      const { count } = await db
        .selectFrom("operators")
        .select((row) => row.fn.countAll().as("count"))
        .where("role", "=", "owner")
        .where("account_id", "is", null)
        .where("status", "=", "active")
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    countOperators: () => countOperators(db),
    insertOperator: async (operator) => {
      const { id } = await db
        .insertInto("operators")
        .values({
          email: toEmail(operator.email),
          role: operator.role,
          account_id: operator.accountId,
          status: "active",
          password_hash: operator.passwordHash,
          federated_issuer: operator.federated?.issuer ?? null,
          federated_subject: operator.federated?.subject ?? null,
          created_at_ms: operator.createdAtMs,
          last_signed_in_at_ms: null,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return toOperator(await selectOperators(db).where("operators.id", "=", id).executeTakeFirstOrThrow());
    },
    updateOperator: async (id, { role, accountId, passwordHash, lastSignedInAtMs, email, status }) => {
      const values = {
        ...(role !== undefined && { role }),
        ...(accountId !== undefined && { account_id: accountId }),
        ...(passwordHash !== undefined && { password_hash: passwordHash }),
        ...(lastSignedInAtMs !== undefined && { last_signed_in_at_ms: lastSignedInAtMs }),
        ...(email !== undefined && { email: toEmail(email) }),
        ...(status !== undefined && { status }),
      };
      if (Object.keys(values).length === 0) return;
      await db.updateTable("operators").set(values).where("id", "=", id).execute();
    },
  } satisfies Partial<OperatorTransaction>;
}

function changeSessions(db: Transaction<Database>) {
  return {
    insertSession: async (session) =>
      toSession(
        await db
          .insertInto("operator_sessions")
          .values({
            operator_id: session.operatorId,
            secret_hash: session.secretHash,
            method: session.method,
            created_at_ms: session.createdAtMs,
            last_seen_at_ms: session.lastSeenAtMs,
            user_agent: session.userAgent,
            address: session.address,
            authenticated_at_ms: session.authenticatedAtMs,
          })
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    deleteSession: async (operatorId, id) => {
      if (!canBeId(operatorId) || !canBeId(id)) return false;
      const { numDeletedRows } = await db
        .deleteFrom("operator_sessions")
        .where("operator_id", "=", operatorId)
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
    deleteSessionBySecret: async (operatorId, secretHash) => {
      if (!canBeStored(secretHash)) return;
      await db
        .deleteFrom("operator_sessions")
        .where("operator_id", "=", operatorId)
        .where("secret_hash", "=", secretHash)
        .execute();
    },
    deleteSessionsOf: async (operatorId, except) => {
      await db
        .deleteFrom("operator_sessions")
        .where("operator_id", "=", operatorId)
        .$if(except !== undefined, (query) => query.where("id", "!=", except as SessionId))
        .execute();
    },
  } satisfies Partial<OperatorTransaction>;
}

function changePasskeys(db: Transaction<Database>) {
  return {
    insertPasskey: async (passkey) =>
      toPasskey(
        await db
          .insertInto("passkeys")
          .values({
            operator_id: passkey.operatorId,
            credential_id: passkey.credentialId,
            public_key: passkey.publicKey,
            counter: passkey.counter,
            relying_party: passkey.relyingParty,
            transports: JSON.stringify(passkey.transports),
            label: passkey.label,
            created_at_ms: passkey.createdAtMs,
            last_used_at_ms: null,
          })
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    updatePasskey: async (id, { counter, lastUsedAtMs }) => {
      await db.updateTable("passkeys").set({ counter, last_used_at_ms: lastUsedAtMs }).where("id", "=", id).execute();
    },
    deletePasskey: async (operatorId, id) => {
      if (!canBeId(operatorId) || !canBeId(id)) return false;
      const { numDeletedRows } = await db
        .deleteFrom("passkeys")
        .where("operator_id", "=", operatorId)
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
    listPasskeys: (operatorId) => listPasskeys(db, operatorId),
    // The row that comes back is one that wasn't there yet.
    useChallenge: async (hash, expiresAtMs) => {
      const inserted = await db
        .insertInto("used_challenges")
        .values({ hash, expires_at_ms: expiresAtMs })
        .onConflict((conflict) => conflict.column("hash").doNothing())
        .returning("hash")
        .executeTakeFirst();
      return inserted !== undefined;
    },
    replaceRecoveryCodes: async (operatorId, hashes) => {
      await db.deleteFrom("recovery_codes").where("operator_id", "=", operatorId).execute();
      if (hashes.length === 0) return;
      await db
        .insertInto("recovery_codes")
        .values(hashes.map((hash) => ({ operator_id: operatorId, code_hash: hash })))
        .execute();
    },
    // Of several that remove it at once, one finds it.
    useRecoveryCode: async (operatorId, hash) => {
      if (!canBeId(operatorId) || !canBeStored(hash)) return false;
      const { numDeletedRows } = await db
        .deleteFrom("recovery_codes")
        .where("operator_id", "=", operatorId)
        .where("code_hash", "=", hash)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
  } satisfies Partial<OperatorTransaction>;
}

function changeInvitations(db: Transaction<Database>) {
  return {
    insertInvitation: async (invitation) => {
      const { id } = await db
        .insertInto("invitations")
        .values({
          kind: invitation.kind,
          secret_hash: invitation.secretHash,
          email: invitation.email === null ? null : toEmail(invitation.email),
          role: invitation.role,
          account_id: invitation.accountId,
          created_by: invitation.createdBy,
          created_at_ms: invitation.createdAtMs,
          expires_at_ms: invitation.expiresAtMs,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return toInvitation(await selectInvitations(db).where("invitations.id", "=", id).executeTakeFirstOrThrow());
    },
    findInvitation: async (id) => {
      if (!canBeId(id)) return undefined;
      const row = await selectInvitations(db).where("invitations.id", "=", id).executeTakeFirst();
      return row && toInvitation(row);
    },
    findInvitationBySecret: (secretHash) => findInvitationBySecret(db, secretHash),
    findInvitationsFor: async (email, nowMs) => {
      if (!canBeStored(email)) return [];
      const rows = await selectInvitations(db)
        .where("invitations.email", "=", toEmail(email))
        .where("invitations.expires_at_ms", ">", nowMs)
        .orderBy("invitations.id")
        .execute();
      return rows.map(toInvitation);
    },
    deleteInvitation: async (id) => {
      if (!canBeId(id)) return false;
      const { numDeletedRows } = await db.deleteFrom("invitations").where("id", "=", id).executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
    deleteInvitationsOfKind: async (kind) => {
      await db.deleteFrom("invitations").where("kind", "=", kind).execute();
    },
  } satisfies Partial<OperatorTransaction>;
}

function changeAdminTokens(db: Transaction<Database>) {
  return {
    findAdminToken: async (id) => {
      if (!canBeId(id)) return undefined;
      const row = await selectAdminTokens(db).where("admin_tokens.id", "=", id).executeTakeFirst();
      return row && toAdminToken(row);
    },
    findAdminTokenByName: async (name) => {
      if (!canBeStored(name)) return undefined;
      const row = await selectAdminTokens(db).where("admin_tokens.name", "=", name).executeTakeFirst();
      return row && toAdminToken(row);
    },
    findAdminTokensNamed: async (ownName) => {
      if (!canBeStored(ownName)) return [];
      const rows = await selectAdminTokens(db)
        .where("admin_tokens.account_id", "is not", null)
        .where(sql<boolean>`admin_tokens.name = accounts.shortname || '/' || ${ownName}`)
        .orderBy("admin_tokens.id")
        .execute();
      return rows.map(toAdminToken);
    },
    findAdminTokensBy: async (createdBy) => {
      if (!canBeStored(createdBy)) return [];
      const rows = await selectAdminTokens(db)
        .where("admin_tokens.created_by", "=", createdBy)
        .where("admin_tokens.revoked_at_ms", "is", null)
        .orderBy("admin_tokens.id")
        .execute();
      return rows.map(toAdminToken);
    },
    insertAdminToken: async (token) => {
      const { id } = await db
        .insertInto("admin_tokens")
        .values({
          name: token.name,
          secret_hash: token.secretHash,
          role: token.role,
          account_id: token.accountId,
          created_by: token.createdBy,
          created_at_ms: token.createdAtMs,
          expires_at_ms: token.expiresAtMs,
          revoked_at_ms: null,
          last_used_at_ms: null,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return toAdminToken(await selectAdminTokens(db).where("admin_tokens.id", "=", id).executeTakeFirstOrThrow());
    },
    // The first time stands: a token is revoked once.
    revokeAdminToken: async (id, revokedAtMs) => {
      await db
        .updateTable("admin_tokens")
        .set({ revoked_at_ms: revokedAtMs })
        .where("id", "=", id)
        .where("revoked_at_ms", "is", null)
        .execute();
    },
    findCreation: async (principal, keyHash) => {
      if (!canBeStored(principal + keyHash)) return undefined;
      const row = await db
        .selectFrom("remembered_creations")
        .selectAll()
        .where("principal", "=", principal)
        .where("key_hash", "=", keyHash)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { request_hash: requestHash, subject, created_at_ms: createdAtMs } = row;
      return { principal, keyHash, requestHash, subject, createdAtMs };
    },
    insertCreation: async ({ principal, keyHash, requestHash, subject, createdAtMs }) => {
      await db
        .insertInto("remembered_creations")
        .values({ principal, key_hash: keyHash, request_hash: requestHash, subject, created_at_ms: createdAtMs })
        .execute();
    },
  } satisfies Partial<OperatorTransaction>;
}

/** Two addresses that differ in case are one. */
function toEmail(text: string): string {
  return text.toLowerCase();
}

async function findOperator(db: Kysely<Database>, id: OperatorId): Promise<Operator | undefined> {
  if (!canBeId(id)) return undefined;
  const row = await selectOperators(db).where("operators.id", "=", id).executeTakeFirst();
  return row && toOperator(row);
}

async function findOperatorByEmail(db: Kysely<Database>, email: string): Promise<Operator | undefined> {
  if (!canBeStored(email)) return undefined;
  const row = await selectOperators(db).where("operators.email", "=", toEmail(email)).executeTakeFirst();
  return row && toOperator(row);
}

async function countOperators(db: Kysely<Database>): Promise<number> {
  const { count } = await db
    .selectFrom("operators")
    .select((row) => row.fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

async function listPasskeys(db: Kysely<Database>, operatorId: OperatorId): Promise<readonly Passkey[]> {
  if (!canBeId(operatorId)) return [];
  const rows = await db
    .selectFrom("passkeys")
    .selectAll()
    .where("operator_id", "=", operatorId)
    .orderBy("id")
    .execute();
  return rows.map(toPasskey);
}

async function findInvitationBySecret(db: Kysely<Database>, secretHash: string): Promise<Invitation | undefined> {
  if (!canBeStored(secretHash)) return undefined;
  const row = await selectInvitations(db).where("invitations.secret_hash", "=", secretHash).executeTakeFirst();
  return row && toInvitation(row);
}

/** With the shortname of the account that each is limited to. */
export function selectOperators(db: Kysely<Database>) {
  return db
    .selectFrom("operators")
    .leftJoin("accounts", "accounts.id", "operators.account_id")
    .selectAll("operators")
    .select("accounts.shortname as account");
}

export function selectInvitations(db: Kysely<Database>) {
  return db
    .selectFrom("invitations")
    .leftJoin("accounts", "accounts.id", "invitations.account_id")
    .selectAll("invitations")
    .select("accounts.shortname as account");
}

export function selectAdminTokens(db: Kysely<Database>) {
  return db
    .selectFrom("admin_tokens")
    .leftJoin("accounts", "accounts.id", "admin_tokens.account_id")
    .selectAll("admin_tokens")
    .select("accounts.shortname as account");
}

type Row<Select extends (db: Kysely<Database>) => { executeTakeFirstOrThrow(): Promise<unknown> }> = Awaited<
  ReturnType<ReturnType<Select>["executeTakeFirstOrThrow"]>
>;

function toGrant(row: { role: Grant["role"]; account_id: number | null; account: string | null }): Grant {
  return { role: row.role, accountId: row.account_id as AccountId | null, account: row.account };
}

export function toOperator(row: Row<typeof selectOperators>): Operator {
  const { federated_issuer: issuer, federated_subject: subject } = row;
  return {
    id: row.id as OperatorId,
    email: row.email,
    ...toGrant(row),
    status: row.status,
    passwordHash: row.password_hash,
    federated: issuer === null || subject === null ? null : { issuer, subject },
    createdAtMs: row.created_at_ms,
    lastSignedInAtMs: row.last_signed_in_at_ms,
  };
}

function toSession(row: Selectable<Database["operator_sessions"]>): Session {
  const { method, address } = row;
  return {
    id: row.id as SessionId,
    operatorId: row.operator_id as OperatorId,
    secretHash: row.secret_hash,
    method,
    createdAtMs: row.created_at_ms,
    lastSeenAtMs: row.last_seen_at_ms,
    userAgent: row.user_agent,
    address,
    authenticatedAtMs: row.authenticated_at_ms,
  };
}

function toPasskey(row: Selectable<Database["passkeys"]>): Passkey {
  const { counter, label } = row;
  return {
    id: row.id as PasskeyId,
    operatorId: row.operator_id as OperatorId,
    credentialId: row.credential_id,
    publicKey: row.public_key,
    counter,
    relyingParty: row.relying_party,
    transports: JSON.parse(row.transports) as readonly string[],
    label,
    createdAtMs: row.created_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
  };
}

export function toInvitation(row: Row<typeof selectInvitations>): Invitation {
  const { kind, email } = row;
  return {
    id: row.id as InvitationId,
    kind,
    secretHash: row.secret_hash,
    email,
    ...toGrant(row),
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
}

export function toAdminToken(row: Row<typeof selectAdminTokens>): AdminToken {
  const { name } = row;
  return {
    id: row.id as AdminTokenId,
    name,
    secretHash: row.secret_hash,
    ...toGrant(row),
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
  };
}
