import type { Kysely, Selectable, Transaction } from "kysely";
import type { OperatorId, Session, SessionId } from "../core/operators/model.ts";
import type { SessionStore, SessionTransaction } from "../core/operators/store.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { selectOperators, toOperator } from "./operators.ts";
import type { Database } from "./schema.ts";
import type { Write } from "./write.ts";

/** Operators' sessions, outside of changes. */
export function sessionStore(db: Kysely<Database>, write: Write): SessionStore {
  return {
    // One statement, so that the session and the operator are of the same moment.
    find: async (secretHash) => {
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
    list: async (operatorId) => {
      if (!canBeId(operatorId)) return [];
      const rows = await db
        .selectFrom("operator_sessions")
        .selectAll()
        .where("operator_id", "=", operatorId)
        .orderBy("id", "desc")
        .execute();
      return rows.map(toSession);
    },
    // Keeps the later time, regardless of the order of writes.
    touch: async (id, lastSeenAtMs) => {
      await write((transaction) =>
        transaction
          .updateTable("operator_sessions")
          .set({ last_seen_at_ms: lastSeenAtMs })
          .where("id", "=", id)
          .where("last_seen_at_ms", "<", lastSeenAtMs)
          .execute(),
      );
    },
  };
}

/** Operators' sessions, within a change. */
export function sessionTransaction(db: Transaction<Database>): SessionTransaction {
  return {
    insert: async (session) =>
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
    delete: async (operatorId, id) => {
      if (!canBeId(operatorId) || !canBeId(id)) return false;
      const { numDeletedRows } = await db
        .deleteFrom("operator_sessions")
        .where("operator_id", "=", operatorId)
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
    deleteBySecret: async (operatorId, secretHash) => {
      if (!canBeStored(secretHash)) return;
      await db
        .deleteFrom("operator_sessions")
        .where("operator_id", "=", operatorId)
        .where("secret_hash", "=", secretHash)
        .execute();
    },
    deleteAllOf: async (operatorId, except) => {
      await db
        .deleteFrom("operator_sessions")
        .where("operator_id", "=", operatorId)
        .$if(except !== undefined, (query) => query.where("id", "!=", except as SessionId))
        .execute();
    },
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
