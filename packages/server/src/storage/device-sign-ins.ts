import type { Kysely, Transaction } from "kysely";
import type { AccountId } from "../core/accounts/model.ts";
import type { DeviceDecision, DeviceSignIn, DeviceSignInId, OperatorId } from "../core/operators/model.ts";
import type { DeviceSignInStore, DeviceSignInTransaction } from "../core/operators/store.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import type { Row } from "./operators.ts";
import type { Database } from "./schema.ts";

/** Command lines that wait to be signed in, outside of changes. */
export function deviceSignInStore(db: Kysely<Database>): DeviceSignInStore {
  return {
    findByDeviceCode: (hash) => findBy(db, "device_code_hash", hash),
    findByUserCode: (hash) => findBy(db, "user_code_hash", hash),
    listOpenAddresses: (nowMs) => listOpenAddresses(db, nowMs),
  };
}

/** Command lines that wait to be signed in, within a change. */
export function deviceSignInTransaction(db: Transaction<Database>): DeviceSignInTransaction {
  return {
    findByDeviceCode: (hash) => findBy(db, "device_code_hash", hash),
    findByUserCode: (hash) => findBy(db, "user_code_hash", hash),
    listOpenAddresses: (nowMs) => listOpenAddresses(db, nowMs),
    insert: async (signIn) => {
      const row = await db
        .insertInto("device_sign_ins")
        .values({
          device_code_hash: signIn.deviceCodeHash,
          user_code_hash: signIn.userCodeHash,
          host_name: signIn.hostName,
          address: signIn.address,
          created_at_ms: signIn.createdAtMs,
          expires_at_ms: signIn.expiresAtMs,
          decision: null,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return toDeviceSignIn(row);
    },
    decide: async (id, decision) => {
      const values =
        decision.kind === "denied"
          ? {}
          : {
              operator_id: decision.operatorId,
              role: decision.role,
              account_id: decision.accountId,
              life_s: decision.lifeSeconds,
            };
      await db
        .updateTable("device_sign_ins")
        .set({ decision: decision.kind, ...values })
        .where("id", "=", id)
        .execute();
    },
    delete: async (id) => {
      if (!canBeId(id)) return false;
      const { numDeletedRows } = await db.deleteFrom("device_sign_ins").where("id", "=", id).executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
    deleteApprovedBy: async (operatorId) => {
      await db.deleteFrom("device_sign_ins").where("operator_id", "=", operatorId).execute();
    },
  };
}

async function findBy(
  db: Kysely<Database>,
  column: "device_code_hash" | "user_code_hash",
  hash: string,
): Promise<DeviceSignIn | undefined> {
  if (!canBeStored(hash)) return undefined;
  const row = await selectDeviceSignIns(db).where(column, "=", hash).executeTakeFirst();
  return row && toDeviceSignIn(row);
}

async function listOpenAddresses(db: Kysely<Database>, nowMs: number): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("device_sign_ins")
    .select("address")
    .where("expires_at_ms", ">", nowMs)
    .where("decision", "is", null)
    .execute();
  return rows.map(({ address }) => address);
}

function selectDeviceSignIns(db: Kysely<Database>) {
  return db.selectFrom("device_sign_ins").selectAll();
}

function toDeviceSignIn(row: Row<typeof selectDeviceSignIns>): DeviceSignIn {
  return {
    id: row.id as DeviceSignInId,
    deviceCodeHash: row.device_code_hash,
    userCodeHash: row.user_code_hash,
    hostName: row.host_name,
    address: row.address,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    decision: toDecision(row),
  };
}

function toDecision(row: Row<typeof selectDeviceSignIns>): DeviceDecision | null {
  const { decision, operator_id: operatorId, role, life_s: lifeSeconds } = row;
  if (decision === null || decision === "denied") return decision && { kind: decision };
  // The table's own condition rules the gaps out.
  if (operatorId === null || role === null || lifeSeconds === null) return { kind: "denied" };
  return {
    kind: "approved",
    operatorId: operatorId as OperatorId,
    role,
    accountId: row.account_id as AccountId | null,
    lifeSeconds,
  };
}
