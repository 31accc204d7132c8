import type { Kysely, Selectable, Transaction } from "kysely";
import type { OperatorId, Passkey, PasskeyId } from "../core/operators/model.ts";
import type { PasskeyStore, PasskeyTransaction } from "../core/operators/store.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import type { Database } from "./schema.ts";

/** Operators' passkeys, outside of changes. */
export function passkeyStore(db: Kysely<Database>): PasskeyStore {
  return {
    list: (operatorId) => listPasskeys(db, operatorId),
    find: async (credentialId) => {
      if (!canBeStored(credentialId)) return undefined;
      const row = await db
        .selectFrom("passkeys")
        .selectAll()
        .where("credential_id", "=", credentialId)
        .executeTakeFirst();
      return row && toPasskey(row);
    },
  };
}

/** Operators' passkeys, within a change. */
export function passkeyTransaction(db: Transaction<Database>): PasskeyTransaction {
  return {
    insert: async (passkey) =>
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
    update: async (id, { counter, lastUsedAtMs }) => {
      await db.updateTable("passkeys").set({ counter, last_used_at_ms: lastUsedAtMs }).where("id", "=", id).execute();
    },
    delete: async (operatorId, id) => {
      if (!canBeId(operatorId) || !canBeId(id)) return false;
      const { numDeletedRows } = await db
        .deleteFrom("passkeys")
        .where("operator_id", "=", operatorId)
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
    list: (operatorId) => listPasskeys(db, operatorId),
  };
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
