import type { Kysely, Transaction } from "kysely";
import type { SigningKeyStore, SigningKeyTransaction } from "../core/signing-keys/store.ts";
import type { Database } from "./schema.ts";

/** Signing keys, outside of changes. */
export function signingKeyStore(db: Kysely<Database>): SigningKeyStore {
  return {
    list: () => listSigningKeys(db),
  };
}

/** Signing keys, within a change. */
export function signingKeyTransaction(db: Transaction<Database>): SigningKeyTransaction {
  return {
    list: () => listSigningKeys(db),
    update: async (number, { activatedAtMs, retiredAtMs }) => {
      await db
        .updateTable("signing_keys")
        .set({
          ...(activatedAtMs !== undefined && { activated_at_ms: activatedAtMs }),
          ...(retiredAtMs !== undefined && { retired_at_ms: retiredAtMs }),
        })
        .where("number", "=", number)
        .execute();
    },
    insert: async ({ number, masterFingerprint, createdAtMs, activatedAtMs, retiredAtMs }) => {
      await db
        .insertInto("signing_keys")
        .values({
          number,
          master_fingerprint: masterFingerprint,
          created_at_ms: createdAtMs,
          activated_at_ms: activatedAtMs,
          retired_at_ms: retiredAtMs,
        })
        .execute();
    },
  };
}

async function listSigningKeys(db: Kysely<Database>) {
  const rows = await db.selectFrom("signing_keys").selectAll().orderBy("number").execute();
  return rows.map((row) => ({
    number: row.number,
    masterFingerprint: row.master_fingerprint,
    createdAtMs: row.created_at_ms,
    activatedAtMs: row.activated_at_ms,
    retiredAtMs: row.retired_at_ms,
  }));
}
