import { type Kysely, sql, type SqlBool, type Transaction } from "kysely";
import type { Invitation, InvitationId } from "../core/operators/model.ts";
import type { InvitationStore, InvitationTransaction } from "../core/operators/store.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { type Row, toEmail, toGrant } from "./operators.ts";
import { equal, pageSmall } from "./page-small.ts";
import { NEWEST_FIRST } from "./pages.ts";
import type { Database } from "./schema.ts";

/** One-time links, outside of changes. */
export function invitationStore(db: Kysely<Database>): InvitationStore {
  return {
    findBySecret: (secretHash) => findInvitationBySecret(db, secretHash),
    page: ({ accountId }, nowMs, page) => {
      const isOpen = { isPossible: true, where: sql<SqlBool>`kind <> 'setup' and expires_at_ms > ${nowMs}` };
      const conditions = [equal("account_id", accountId), isOpen];
      return pageSmall(db, "invitations", conditions, NEWEST_FIRST, page, async (ids) =>
        (await selectInvitations(db).where("invitations.id", "in", ids).execute()).map(toInvitation),
      );
    },
  };
}

/** One-time links, within a change. */
export function invitationTransaction(db: Transaction<Database>): InvitationTransaction {
  return {
    insert: async (invitation) => {
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
    find: async (id) => {
      if (!canBeId(id)) return undefined;
      const row = await selectInvitations(db).where("invitations.id", "=", id).executeTakeFirst();
      return row && toInvitation(row);
    },
    findBySecret: (secretHash) => findInvitationBySecret(db, secretHash),
    findFor: async (email, nowMs) => {
      if (!canBeStored(email)) return [];
      const rows = await selectInvitations(db)
        .where("invitations.email", "=", toEmail(email))
        .where("invitations.expires_at_ms", ">", nowMs)
        .orderBy("invitations.id")
        .execute();
      return rows.map(toInvitation);
    },
    delete: async (id) => {
      if (!canBeId(id)) return false;
      const { numDeletedRows } = await db.deleteFrom("invitations").where("id", "=", id).executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
    deleteOfKind: async (kind) => {
      await db.deleteFrom("invitations").where("kind", "=", kind).execute();
    },
  };
}

async function findInvitationBySecret(db: Kysely<Database>, secretHash: string): Promise<Invitation | undefined> {
  if (!canBeStored(secretHash)) return undefined;
  const row = await selectInvitations(db).where("invitations.secret_hash", "=", secretHash).executeTakeFirst();
  return row && toInvitation(row);
}

function selectInvitations(db: Kysely<Database>) {
  return db
    .selectFrom("invitations")
    .leftJoin("accounts", "accounts.id", "invitations.account_id")
    .selectAll("invitations")
    .select("accounts.shortname as account");
}

function toInvitation(row: Row<typeof selectInvitations>): Invitation {
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
