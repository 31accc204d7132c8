import { type Expression, type ExpressionBuilder, type Kysely, sql, type SqlBool, type Transaction } from "kysely";
import { CHAIN_START, chainEvent } from "../core/feed/audit-chain.ts";
import { usernameOf } from "../core/registry-changes.ts";
import type { ApiUser } from "../core/users/model.ts";
import type { ApiUserRecord, RecordKey } from "../core/view/record.ts";
import type { KeyId, PublicKey } from "../core/keys/model.ts";
import { KEYS_PER_RECORD_MAX, type LiveNode, type RegistryStore, type StoreTransaction } from "../core/store/store.ts";
import { StoreBroken } from "../core/store/store-broken.ts";
import { adminQueries } from "./admin-queries.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import type { Connections, Engine } from "./engine.ts";
import { identityStore, identityTransaction } from "./identity.ts";
import { operatorStore, operatorTransaction } from "./operators.ts";
import { removeExpired } from "./remove-expired.ts";
import {
  findAccount,
  findResourceServer,
  selectKeys,
  selectUsers,
  toAccount,
  toEvent,
  toKey,
  toResourceServer,
  toRevokedToken,
  toUser,
} from "./rows.ts";
import type { Database } from "./schema.ts";
import { createWriter, withNamedProblems } from "./write.ts";

/** A store whose tables can be reached, for copying it. */
export interface SqlStore extends RegistryStore {
  /** Runs the work in a transaction that keeps changes out. */
  withChangesLocked<Result>(work: (transaction: Transaction<Database>) => Promise<Result>): Promise<Result>;
  continueIds: Engine["continueIds"];
}

/** The registry's port on a database whose schema is up to date. */
export function createSqlStore(connections: Connections, engine: Engine): SqlStore {
  const { reads: db, writes, changes } = connections;
  const { write, problem: writeProblem } = createWriter(connections, engine);
  const store: SqlStore = {
    ...operatorStore(db, (work) => write(writes, work)),
    ...adminQueries(db),
    ...identityStore(db, (work) => write(writes, work)),

    withChangesLocked: (work) =>
      write(
        changes,
        async (transaction) => {
          await engine.beginChange(transaction);
          return work(transaction);
        },
        Infinity,
      ),
    continueIds: (transaction, table) => engine.continueIds(transaction, table),

    engine: engine.name,
    writeProblem,
    transaction: (work) =>
      write(changes, async (transaction) => {
        await engine.beginChange(transaction);
        const result = await work(storeTransaction(transaction, engine));
        await engine.endChange(transaction);
        return result;
      }),

    loadUserByName: async (username) => {
      if (!canBeStored(username)) return undefined;
      const record = await loadRecord(db, (user) => user("api_users.username", "=", username));
      if (record === undefined && engine.name === "sqlite" && (await isInOtherIndex(db, username))) throw damaged();
      if (record !== undefined && record.user.username !== username) throw damaged();
      return record;
    },
    loadUserByKey: async (keyId) =>
      canBeId(keyId)
        ? loadRecord(db, (user) =>
            user("api_users.id", "=", (key) =>
              key.selectFrom("public_keys as owned").select("owned.user_id").where("owned.id", "=", keyId),
            ),
          )
        : undefined,

    listAccounts: async () => (await db.selectFrom("accounts").selectAll().orderBy("id").execute()).map(toAccount),
    listUsers: async () => (await selectUsers(db).orderBy("api_users.id").execute()).map(toUser),
    listKeys: async (userId) =>
      (await selectKeys(db).where("public_keys.user_id", "=", userId).orderBy("public_keys.id").execute()).map(toKey),
    findUser: (username) => findUser(db, username),
    findKey: (keyId) => findKey(db, keyId),
    listSigningKeys: () => listSigningKeys(db),
    listResourceServers: async () =>
      (await db.selectFrom("resource_servers").selectAll().orderBy("id").execute()).map(toResourceServer),
    loadResourceServer: async (id) => {
      if (!canBeId(id)) return undefined;
      const row = await db.selectFrom("resource_servers").selectAll().where("id", "=", id).executeTakeFirst();
      return row && toResourceServer(row);
    },

    isTokenRevoked: async ({ keyId, nonce, expiresAtSeconds }) => {
      const row = await db
        .selectFrom("revoked_tokens")
        .select("id")
        .where("key_id", "=", keyId)
        .where("nonce", "=", nonce)
        .where("expires_at_s", "=", expiresAtSeconds)
        .executeTakeFirst();
      return row !== undefined;
    },
    revokedTokens: async (fromSeconds, after, limit) => {
      const rows = await db
        .selectFrom("revoked_tokens")
        .selectAll()
        .where("id", ">", after)
        .where("expires_at_s", ">=", fromSeconds)
        .orderBy("id")
        .limit(limit)
        .execute();
      return { tokens: rows.map(toRevokedToken), next: rows.at(-1)?.id ?? after };
    },
    // One statement for all: the rows that come back are those that weren't there yet, whoever else inserts meanwhile.
    useAssertions: async (assertions) => {
      if (assertions.length === 0) return [];
      // In one order everywhere: nodes that insert the same rows in different orders would wait for each other.
      const sorted = assertions.toSorted((a, b) => a.userId - b.userId || (a.jtiHash < b.jtiHash ? -1 : 1));
      const inserted = await write(writes, (transaction) =>
        transaction
          .insertInto("used_assertions")
          .values(
            sorted.map(({ userId, jtiHash, expiresAtSeconds }) => ({
              user_id: userId,
              jti_hash: jtiHash,
              expires_at_s: expiresAtSeconds,
            })),
          )
          .onConflict((conflict) => conflict.columns(["user_id", "jti_hash"]).doNothing())
          .returning(["user_id", "jti_hash"])
          .execute(),
      );
      // Of two equal ones in the batch, the first is the one that was inserted.
      const first = new Set(inserted.map((row) => `${row.user_id} ${row.jti_hash}`));
      return assertions.map(({ userId, jtiHash }) => first.delete(`${userId} ${jtiHash}`));
    },
    removeExpired: (before, limit) => write(writes, (transaction) => removeExpired(transaction, before, limit, engine)),

    eventsAfter: async (seq, limit) =>
      (
        await db.selectFrom("audit_events").selectAll().where("seq", ">", seq).orderBy("seq").limit(limit).execute()
      ).map(toEvent),
    lastEvent: async () => {
      const row = await db
        .selectFrom("audit_events")
        .select(["seq", "hash"])
        .orderBy("seq", "desc")
        .limit(1)
        .executeTakeFirst();
      return row === undefined ? { seq: 0, hash: CHAIN_START } : { seq: row.seq, hash: row.hash };
    },
    changeMarker: () => engine.changeMarker(),
    ...(engine.giveUp !== undefined && { giveUp: (problem: string) => engine.giveUp?.(problem) }),
    watchChanges: (onChange) => engine.watchChanges(onChange),

    recordKeyUsage: (usage) => engine.recordKeyUsage(usage),
    keyUsageHours: async (keyId, fromSeconds) => {
      if (!canBeId(keyId)) return [];
      const rows = await db
        .selectFrom("key_usage_hours")
        .select(["hour_s", "tokens"])
        .where("key_id", "=", keyId)
        .where("hour_s", ">=", fromSeconds)
        .orderBy("hour_s")
        .execute();
      return rows.map(({ hour_s: hourSeconds, tokens }) => ({ hourSeconds, tokens }));
    },

    clockMs: async () => {
      if (engine.name === "sqlite") return undefined;
      const { now } = await db.selectNoFrom(engine.nowMs.as("now")).executeTakeFirstOrThrow();
      return now;
    },
    recordNode: async ({ id, startedAtMs, version, signingKeys }) => {
      const values = { seen_at_ms: engine.nowMs, version, signing_keys: signingKeys.join(",") };
      await write(writes, (transaction) =>
        transaction
          .insertInto("nodes")
          .values({ id, started_at_ms: startedAtMs, ...values })
          .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
          .execute(),
      );
    },
    removeNode: async (id) => {
      await write(writes, (transaction) => transaction.deleteFrom("nodes").where("id", "=", id).execute());
    },
    listLiveNodes: (withinMs) => listLiveNodes(db, engine, withinMs),
    backup: (file) => engine.backup(file),
    close: () => engine.close(),
  };
  return withNamedProblems(store, engine.problemOf);
}

function storeTransaction(db: Transaction<Database>, engine: Engine): StoreTransaction {
  return {
    ...operatorTransaction(db),
    ...identityTransaction(db, engine),

    findAccount: (shortname) => findAccount(db, shortname),
    findUser: (username) => findUser(db, username),
    findKey: (keyId) => findKey(db, keyId),
    findKeysByThumbprint: async (thumbprint) =>
      canBeStored(thumbprint)
        ? (await selectKeys(db).where("public_keys.thumbprint", "=", thumbprint).execute()).map(toKey)
        : [],
    countUsableKeys: async (userId) => {
      const { count } = await db
        .selectFrom("public_keys")
        .select((row) => row.fn.countAll().as("count"))
        .where("user_id", "=", userId)
        .where("status", "!=", "revoked")
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    listSigningKeys: () => listSigningKeys(db),

    insertAccount: async ({ shortname, name, createdAtMs }) =>
      toAccount(
        await db
          .insertInto("accounts")
          .values({ shortname, name, search_name: name.toLowerCase(), status: "active", created_at_ms: createdAtMs })
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    insertUser: async ({ account, name, access, createdAtMs }) => {
      const row = await db
        .insertInto("api_users")
        .values({
          account_id: account.id,
          username: usernameOf(account, name),
          access,
          status: "active",
          created_at_ms: createdAtMs,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      await db
        .updateTable("accounts")
        .set((columns) => ({ users: columns("users", "+", 1) }))
        .where("id", "=", account.id)
        .execute();
      return toUser({ ...row, account: account.shortname, account_status: account.status });
    },
    insertKey: async (key) => {
      const { id } = await db
        .insertInto("public_keys")
        .values({
          user_id: key.userId,
          fingerprint: key.fingerprint,
          thumbprint: key.thumbprint,
          bits: key.bits,
          spki: key.spki,
          label: key.label,
          status: "active",
          created_at_ms: key.createdAtMs,
          expires_at_ms: key.expiresAtMs,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return id as KeyId;
    },
    setAccountStatus: async (id, status) => {
      await db.updateTable("accounts").set({ status }).where("id", "=", id).execute();
    },
    setUserStatus: async (id, status) => {
      await db.updateTable("api_users").set({ status }).where("id", "=", id).execute();
    },
    // The clause on the status holds the rule "revoked is for good" even against a caller that forgot it.
    setKeyStatus: async (id, status) => {
      await db
        .updateTable("public_keys")
        .set({ status })
        .where("id", "=", id)
        .where("status", "!=", "revoked")
        .execute();
    },
    updateKey: async (id, { label, expiresAtMs }) => {
      const values = {
        ...(label !== undefined && { label }),
        ...(expiresAtMs !== undefined && { expires_at_ms: expiresAtMs }),
      };
      if (Object.keys(values).length === 0) return;
      await db.updateTable("public_keys").set(values).where("id", "=", id).execute();
    },
    updateSigningKey: async (number, { activatedAtMs, retiredAtMs }) => {
      await db
        .updateTable("signing_keys")
        .set({
          ...(activatedAtMs !== undefined && { activated_at_ms: activatedAtMs }),
          ...(retiredAtMs !== undefined && { retired_at_ms: retiredAtMs }),
        })
        .where("number", "=", number)
        .execute();
    },
    listLiveNodes: (withinMs) => listLiveNodes(db, engine, withinMs),
    insertSigningKey: async ({ number, masterFingerprint, createdAtMs, activatedAtMs, retiredAtMs }) => {
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
    findResourceServer: (name) => findResourceServer(db, name),
    insertResourceServer: async ({ name, secretHash, createdAtMs }) =>
      toResourceServer(
        await db
          .insertInto("resource_servers")
          .values({ name, status: "active", secret_hash: secretHash, created_at_ms: createdAtMs })
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    updateResourceServer: async (id, { status, secretHash, previousSecret }) => {
      await db
        .updateTable("resource_servers")
        .set({
          ...(status !== undefined && { status }),
          ...(secretHash !== undefined && { secret_hash: secretHash }),
          ...(previousSecret !== undefined && {
            previous_secret_hash: previousSecret?.hash ?? null,
            previous_secret_ends_at_ms: previousSecret?.endsAtMs ?? null,
          }),
        })
        .where("id", "=", id)
        .execute();
    },
    countRevokedTokens: async (userId, nowSeconds, max) => {
      const { count } = await db
        .selectFrom((rows) =>
          rows
            .selectFrom("revoked_tokens")
            .select("id")
            .where("user_id", "=", userId)
            // The column holds whole seconds: where the time has a fraction, the comparison comes to the same.
            .where("expires_at_s", ">", Math.floor(nowSeconds))
            .limit(max)
            .as("live"),
        )
        .select((row) => row.fn.countAll().as("count"))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    insertRevokedToken: async ({ userId, keyId, nonce, expiresAtSeconds }) => {
      const inserted = await db
        .insertInto("revoked_tokens")
        .values({ user_id: userId, key_id: keyId, nonce, expires_at_s: expiresAtSeconds })
        .onConflict((conflict) => conflict.columns(["key_id", "nonce", "expires_at_s"]).doNothing())
        .returning("id")
        .executeTakeFirst();
      return inserted !== undefined;
    },
    appendEvent: async (event) => {
      const last = await db
        .selectFrom("audit_events")
        .select(["seq", "hash"])
        .orderBy("seq", "desc")
        .limit(1)
        .executeTakeFirst();
      const chained = chainEvent(event, last);
      await db
        .insertInto("audit_events")
        .values({
          seq: chained.seq,
          at_ms: chained.atMs,
          actor: chained.actor,
          action: chained.action,
          subject: chained.subject,
          details: JSON.stringify(chained.details),
          previous_hash: chained.previousHash,
          hash: chained.hash,
          account_id: chained.accountId ?? null,
        })
        .execute();
      return chained;
    },
  };
}

async function findUser(db: Kysely<Database>, username: string): Promise<ApiUser | undefined> {
  if (!canBeStored(username)) return undefined;
  const row = await selectUsers(db).where("api_users.username", "=", username).executeTakeFirst();
  return row && toUser(row);
}

async function findKey(db: Kysely<Database>, keyId: KeyId): Promise<PublicKey | undefined> {
  if (!canBeId(keyId)) return undefined;
  const row = await selectKeys(db).where("public_keys.id", "=", keyId).executeTakeFirst();
  return row && toKey(row);
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

async function listLiveNodes(db: Kysely<Database>, engine: Engine, withinMs: number): Promise<readonly LiveNode[]> {
  const rows = await db
    .selectFrom("nodes")
    .selectAll()
    .where("seen_at_ms", ">=", sql<number>`${engine.nowMs} - ${withinMs}`)
    .orderBy("started_at_ms")
    .orderBy("id")
    .execute();
  return rows.map(({ id, started_at_ms: startedAtMs, seen_at_ms: seenAtMs, version, signing_keys: numbers }) => ({
    id,
    startedAtMs,
    seenAtMs,
    version,
    signingKeys: numbers === "" ? [] : numbers.split(",").map(Number),
  }));
}

/** SQLite has no checksums: an index whose page is damaged may lack an entry, and say so without an error. */
async function isInOtherIndex(db: Kysely<Database>, username: string): Promise<boolean> {
  const [, accountId, name] = /^api-([1-9][0-9]{0,9})-(.+)$/.exec(username) ?? [];
  if (accountId === undefined || name === undefined || !canBeId(Number(accountId))) return false;
  const found = await db
    .selectFrom("api_users")
    .select("id")
    .where("account_id", "=", Number(accountId))
    .where("status", "in", ["active", "deactivated"])
    .where("access", "in", ["full", "read_only"])
    .where("name", "=", name)
    .executeTakeFirst();
  return found !== undefined;
}

const STANDINGS: readonly string[] = ["active", "deactivated"];
const KEY_STATUSES: readonly string[] = ["active", "deactivated", "revoked"];

function damaged(): StoreBroken {
  return new StoreBroken("a row in it is damaged; stop the service, and restore a backup");
}

/**
 * A user with its account's standing and its keys, active ones first and then the newest, so that the limit cuts off the
 * ones that matter least. One statement, so that all of it is of one moment without a transaction's lock.
 */
async function loadRecord(
  db: Kysely<Database>,
  which: (user: ExpressionBuilder<Database, "api_users">) => Expression<SqlBool>,
): Promise<ApiUserRecord | undefined> {
  const rows = await db
    .selectFrom("api_users")
    .innerJoin("accounts", "accounts.id", "api_users.account_id")
    .leftJoin("public_keys", "public_keys.user_id", "api_users.id")
    .where((user) => which(user as unknown as ExpressionBuilder<Database, "api_users">))
    .selectAll("api_users")
    .select(["accounts.shortname as account", "accounts.status as account_status"])
    .select([
      "public_keys.id as key_id",
      "public_keys.thumbprint",
      "public_keys.bits",
      "public_keys.spki",
      "public_keys.status as key_status",
      "public_keys.expires_at_ms",
    ])
    .orderBy(sql`case public_keys.status when 'active' then 0 when 'deactivated' then 1 else 2 end`)
    .orderBy("public_keys.id", "desc")
    .limit(KEYS_PER_RECORD_MAX)
    .execute();
  const [user] = rows;
  if (user === undefined) return undefined;
  if (!STANDINGS.includes(user.status) || !STANDINGS.includes(user.account_status)) throw damaged();
  const keys: RecordKey[] = [];
  for (const { key_id, thumbprint, bits, spki, key_status, expires_at_ms } of rows) {
    // A user without keys is one row without a key.
    if (key_id === null || thumbprint === null || bits === null || spki === null || key_status === null) continue;
    if (!KEY_STATUSES.includes(key_status)) throw damaged();
    keys.push({ id: key_id as KeyId, thumbprint, bits, spki, status: key_status, expiresAtMs: expires_at_ms });
  }
  return { user: toUser(user), accountStatus: user.account_status, keys };
}
