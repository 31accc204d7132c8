import { type Kysely, sql, type Transaction } from "kysely";
import type { AdminToken, AdminTokenId, OperatorId } from "../core/operators/model.ts";
import type { AdminTokenStore, AdminTokenTransaction } from "../core/operators/store.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { type Row, toGrant } from "./operators.ts";
import { equal, pageSmall } from "./page-small.ts";
import { NEWEST_FIRST } from "./pages.ts";
import type { Database } from "./schema.ts";
import type { Write } from "./write.ts";

/** Admin tokens, outside of changes. */
export function adminTokenStore(db: Kysely<Database>, write: Write): AdminTokenStore {
  return {
    findBySecret: async (secretHash) => {
      if (!canBeStored(secretHash)) return undefined;
      const row = await selectAdminTokens(db).where("admin_tokens.secret_hash", "=", secretHash).executeTakeFirst();
      return row && toAdminToken(row);
    },
    touch: async (id, lastUsedAtMs) => {
      await write((transaction) =>
        transaction
          .updateTable("admin_tokens")
          .set({ last_used_at_ms: lastUsedAtMs })
          .where("id", "=", id)
          .where((row) => row.or([row("last_used_at_ms", "is", null), row("last_used_at_ms", "<", lastUsedAtMs)]))
          .execute(),
      );
    },
    page: ({ accountId }, page) =>
      pageSmall(db, "admin_tokens", [equal("account_id", accountId)], NEWEST_FIRST, page, async (ids) =>
        (await selectAdminTokens(db).where("admin_tokens.id", "in", ids).execute()).map(toAdminToken),
      ),
    listOf: async (operatorId) => (await findOf(db, operatorId)).toReversed(),
  };
}

/** Admin tokens, within a change. */
export function adminTokenTransaction(db: Transaction<Database>): AdminTokenTransaction {
  return {
    find: async (id) => {
      if (!canBeId(id)) return undefined;
      const row = await selectAdminTokens(db).where("admin_tokens.id", "=", id).executeTakeFirst();
      return row && toAdminToken(row);
    },
    findByName: async (name) => {
      if (!canBeStored(name)) return undefined;
      const row = await selectAdminTokens(db).where("admin_tokens.name", "=", name).executeTakeFirst();
      return row && toAdminToken(row);
    },
    findNamed: async (ownName) => {
      if (!canBeStored(ownName)) return [];
      const rows = await selectAdminTokens(db)
        .where("admin_tokens.account_id", "is not", null)
        .where(sql<boolean>`admin_tokens.name = accounts.shortname || '/' || ${ownName}`)
        .orderBy("admin_tokens.id")
        .execute();
      return rows.map(toAdminToken);
    },
    findCreatedBy: async (createdBy) => {
      if (!canBeStored(createdBy)) return [];
      const rows = await selectAdminTokens(db)
        .where("admin_tokens.created_by", "=", createdBy)
        .where("admin_tokens.revoked_at_ms", "is", null)
        .orderBy("admin_tokens.id")
        .execute();
      return rows.map(toAdminToken);
    },
    findOf: (operatorId) => findOf(db, operatorId),
    insert: async (token) => {
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
          operator_id: token.operatorId,
          host_name: token.hostName,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return toAdminToken(await selectAdminTokens(db).where("admin_tokens.id", "=", id).executeTakeFirstOrThrow());
    },
    // Keeps the first time of revocation.
    revoke: async (id, revokedAtMs) => {
      await db
        .updateTable("admin_tokens")
        .set({ revoked_at_ms: revokedAtMs })
        .where("id", "=", id)
        .where("revoked_at_ms", "is", null)
        .execute();
    },
  };
}

async function findOf(db: Kysely<Database>, operatorId: OperatorId): Promise<AdminToken[]> {
  if (!canBeId(operatorId)) return [];
  const rows = await selectAdminTokens(db)
    .where("admin_tokens.operator_id", "=", operatorId)
    .where("admin_tokens.revoked_at_ms", "is", null)
    .orderBy("admin_tokens.id")
    .execute();
  return rows.map(toAdminToken);
}

function selectAdminTokens(db: Kysely<Database>) {
  return db
    .selectFrom("admin_tokens")
    .leftJoin("accounts", "accounts.id", "admin_tokens.account_id")
    .leftJoin("operators", "operators.id", "admin_tokens.operator_id")
    .selectAll("admin_tokens")
    .select(["accounts.shortname as account", "operators.email as operator_email"]);
}

function toAdminToken(row: Row<typeof selectAdminTokens>): AdminToken {
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
    operatorId: row.operator_id as OperatorId | null,
    operatorEmail: row.operator_email,
    hostName: row.host_name,
  };
}
