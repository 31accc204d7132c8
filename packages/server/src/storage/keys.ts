import { createHash } from "node:crypto";
import type { Kysely, Transaction } from "kysely";
import type { KeyId, PublicKey } from "../core/keys/model.ts";
import type { KeyStore, KeyTransaction, ModulusReads } from "../core/keys/store.ts";
import { modulusOfSpki } from "../core/keys/weakness/modulus-of-spki.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { chunksOf, ROWS_PER_INSERT, VALUES_PER_READ } from "./chunks.ts";
import type { Engine } from "./engine.ts";
import { countKeys, pageKeys } from "./key-list.ts";
import { keyDescendants } from "./key-descendants.ts";
import { equal, pageSmall } from "./page-small.ts";
import { NEWEST_FIRST } from "./pages.ts";
import { fromList, selectKeys, toKey } from "./rows.ts";
import type { Database } from "./schema.ts";

/** Public keys, outside of changes. */
export function keyStore(db: Kysely<Database>): KeyStore {
  return {
    ...modulusReads(db),
    list: async (userId) =>
      (await selectKeys(db).where("public_keys.user_id", "=", userId).orderBy("public_keys.id").execute()).map(toKey),
    listOf: async (userIds) =>
      userIds.length === 0
        ? []
        : (await selectKeys(db).where("public_keys.user_id", "in", userIds).orderBy("public_keys.id").execute()).map(
            toKey,
          ),
    find: (keyId) => findKey(db, keyId),
    ...keyDescendants(db),
    page: (userId, page) =>
      pageSmall(db, "public_keys", [equal("user_id", userId)], NEWEST_FIRST, page, async (ids) =>
        (await selectKeys(db).where("public_keys.id", "in", ids).execute()).map(toKey),
      ),
    pageAll: (filter, nowMs, page) => pageKeys(db, filter, nowMs, page),
    count: (filter, nowMs) => countKeys(db, filter, nowMs),
  };
}

/** Public keys, within a change. */
export function keyTransaction(db: Transaction<Database>, engine: Engine): KeyTransaction {
  return {
    ...modulusReads(db),
    find: (keyId) => findKey(db, keyId),
    listRotatedFrom: (keyId) => keyDescendants(db).listRotatedFrom(keyId),
    listDescendants: (keyId) => keyDescendants(db).listDescendants(keyId),
    insertRevokedModulus: async (modulusHash, atMs) => {
      await db.insertInto("revoked_moduli").values({ modulus_hash: modulusHash, revoked_at_ms: atMs }).execute();
    },
    countRevokedModuli: async () => {
      const { count } = await db
        .selectFrom("revoked_moduli")
        .select((row) => row.fn.countAll().as("count"))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    countRotatedSince: async (userId, sinceMs) => {
      const { count } = await db
        .selectFrom("public_keys")
        .select((row) => row.fn.countAll().as("count"))
        .where("user_id", "=", userId)
        .where("rotated_from", "is not", null)
        .where("created_at_ms", ">=", sinceMs)
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    countUsable: async (userId, nowMs) => {
      const { count } = await db
        .selectFrom("public_keys")
        .select((row) => row.fn.countAll().as("count"))
        .where("user_id", "=", userId)
        .where("status", "!=", "revoked")
        .where((row) => row.or([row("expires_at_ms", "is", null), row("expires_at_ms", ">", nowMs)]))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    insert: async (key) => {
      const { id } = await db
        .insertInto("public_keys")
        .values({ ...rowOf(key), status: "active" })
        .returning("id")
        .executeTakeFirstOrThrow();
      return id as KeyId;
    },
    listRevokedModuli: async (hashes) => {
      const revoked: string[] = [];
      for (const part of chunksOf(hashes.filter(canBeStored), VALUES_PER_READ)) {
        const rows = await db
          .selectFrom("revoked_moduli")
          .select("modulus_hash")
          .where("modulus_hash", "in", part)
          .execute();
        revoked.push(...rows.map(({ modulus_hash: hash }) => hash));
      }
      return revoked;
    },
    reserveIds: async (count) => (await engine.reserveIds(db, "public_keys", count)) as readonly KeyId[],
    insertAll: async (keys) => {
      const rows = keys.map((key) => ({ ...rowOf(key), id: key.id, status: key.status }));
      for (const part of chunksOf(rows, ROWS_PER_INSERT)) await db.insertInto("public_keys").values(part).execute();
    },
    // The clause on the status keeps a revoked key revoked, whatever the caller checked.
    setStatus: async (id, status) => {
      await db
        .updateTable("public_keys")
        .set({ status })
        .where("id", "=", id)
        .where("status", "!=", "revoked")
        .execute();
    },
    update: async (id, { label, expiresAtMs, networks }) => {
      const values = {
        ...(label !== undefined && { label }),
        ...(expiresAtMs !== undefined && { expires_at_ms: expiresAtMs }),
        ...(networks !== undefined && { networks: fromList(networks) }),
      };
      if (Object.keys(values).length === 0) return;
      await db.updateTable("public_keys").set(values).where("id", "=", id).execute();
    },
  };
}

function rowOf(key: Parameters<KeyTransaction["insert"]>[0]) {
  return {
    user_id: key.userId,
    fingerprint: key.fingerprint,
    thumbprint: key.thumbprint,
    bits: key.bits,
    spki: key.spki,
    label: key.label,
    modulus_hash: key.modulusHash,
    account_id: key.accountId,
    idle_since_day: dayOf(key.createdAtMs),
    proved_at_ms: key.provedAtMs,
    rotated_from: key.rotatedFrom,
    networks: fromList(key.networks),
    created_at_ms: key.createdAtMs,
    expires_at_ms: key.expiresAtMs,
  };
}

const DAY_MS = 86_400_000;

/** In whole days since the epoch. */
function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}

function modulusReads(db: Kysely<Database>): ModulusReads {
  return {
    // Includes revoked keys, and those of every account: a key's identity is its modulus. The hash is empty in the few keys that a
    // node of the release before added during an upgrade and that the audit hasn't completed yet.
    findByModulusHash: async (hash) => {
      if (!canBeStored(hash)) return [];
      const rows = await selectKeys(db).where("modulus_hash", "in", [hash, ""]).orderBy("public_keys.id").execute();
      return rows.map(toKey).filter((key) => (key.modulusHash || modulusHashOf(key.spki)) === hash);
    },
    findByModulusHashes: async (hashes) => {
      const wanted = new Set(hashes);
      const found: PublicKey[] = [];
      for (const part of chunksOf(hashes.filter(canBeStored), VALUES_PER_READ)) {
        const rows = await selectKeys(db).where("modulus_hash", "in", part).execute();
        found.push(...rows.map(toKey));
      }
      // As in findByModulusHash.
      const unhashed = await selectKeys(db).where("modulus_hash", "=", "").execute();
      for (const row of unhashed) {
        const modulusHash = modulusHashOf(row.spki);
        if (modulusHash !== undefined && wanted.has(modulusHash)) found.push({ ...toKey(row), modulusHash });
      }
      return found;
    },
    isModulusRevoked: async (hash) => {
      const row = await db
        .selectFrom("revoked_moduli")
        .select("modulus_hash")
        .where("modulus_hash", "=", hash)
        .executeTakeFirst();
      return row !== undefined;
    },
    listModuli: async (afterId, limit) => {
      const rows = await db
        .selectFrom("public_keys")
        .select(["id", "spki"])
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(({ id, spki }) => ({ id: id as KeyId, spki }));
    },
  };
}

function modulusHashOf(spki: Uint8Array): string | undefined {
  const modulus = modulusOfSpki(spki);
  return modulus && createHash("sha256").update(modulus).digest("hex");
}

async function findKey(db: Kysely<Database>, keyId: KeyId): Promise<PublicKey | undefined> {
  if (!canBeId(keyId)) return undefined;
  const row = await selectKeys(db).where("public_keys.id", "=", keyId).executeTakeFirst();
  return row && toKey(row);
}
