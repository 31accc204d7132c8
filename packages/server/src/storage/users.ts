import { type Expression, type ExpressionBuilder, type Kysely, sql, type SqlBool, type Transaction } from "kysely";
import type { KeyId } from "../core/keys/model.ts";
import { usernameOf } from "../core/users/changes.ts";
import { StoreBroken } from "../core/store/store-broken.ts";
import type { ApiUser, ApiUserId } from "../core/users/model.ts";
import { KEYS_PER_RECORD_MAX, type UserStore, type UserTransaction } from "../core/users/store.ts";
import type { ApiUserRecord, RecordKey } from "../core/view/record.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { chunksOf, ROWS_PER_INSERT, VALUES_PER_READ } from "./chunks.ts";
import type { Engine } from "./engine.ts";
import { fromList, selectUsers, toList, toUser } from "./rows.ts";
import type { Database } from "./schema.ts";
import { listUsersAfter, loadListed, pageUsers } from "./user-list.ts";

/** API users, outside of changes. */
export function userStore(db: Kysely<Database>, engine: Engine): UserStore {
  return {
    loadRecord: async (username) => {
      if (!canBeStored(username)) return undefined;
      const record = await loadRecord(db, (user) => user("api_users.username", "=", username));
      if (record === undefined && engine.name === "sqlite" && (await isInOtherIndex(db, username))) throw damaged();
      if (record !== undefined && record.user.username !== username) throw damaged();
      return record;
    },
    loadRecordByKey: async (keyId) =>
      canBeId(keyId)
        ? loadRecord(db, (user) =>
            user("api_users.id", "=", (key) =>
              key.selectFrom("public_keys as owned").select("owned.user_id").where("owned.id", "=", keyId),
            ),
          )
        : undefined,
    list: async () => (await selectUsers(db).orderBy("api_users.id").execute()).map(toUser),
    find: (username) => findUser(db, username),
    findAll: async (usernames) => {
      const names = usernames.filter(canBeStored);
      return names.length === 0
        ? []
        : (await selectUsers(db).where("api_users.username", "in", names).execute()).map(toUser);
    },
    listAfter: (accountId, afterName, limit) => listUsersAfter(db, accountId, afterName, limit),
    page: (filter, order, todaySeconds, page) => pageUsers(db, engine, filter, order, todaySeconds, page),
    findListed: async (username, todaySeconds) => {
      if (!canBeStored(username)) return undefined;
      const row = await db.selectFrom("api_users").select("id").where("username", "=", username).executeTakeFirst();
      const [user] = row === undefined ? [] : await loadListed(db, [row.id], todaySeconds);
      return user;
    },
  };
}

/** API users, within a change. */
export function userTransaction(db: Transaction<Database>, engine: Engine): UserTransaction {
  return {
    find: (username) => findUser(db, username),
    insert: async ({ account, name, access, createdAtMs, mayRotate = false, networks = [], ...notes }) => {
      const row = await db
        .insertInto("api_users")
        .values({
          account_id: account.id,
          username: usernameOf(account, name),
          access,
          status: "active",
          created_at_ms: createdAtMs,
          may_rotate: Number(mayRotate),
          networks: fromList(networks),
          display_name: notes.displayName ?? null,
          description: notes.description ?? null,
          contact: notes.contact ?? null,
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
    findAll: async (usernames) => {
      const users: ApiUser[] = [];
      for (const part of chunksOf(usernames.filter(canBeStored), VALUES_PER_READ)) {
        users.push(...(await selectUsers(db).where("api_users.username", "in", part).execute()).map(toUser));
      }
      return users;
    },
    reserveIds: async (count) => (await engine.reserveIds(db, "api_users", count)) as readonly ApiUserId[],
    insertAll: async (users) => {
      const rows = users.map((user) => ({
        id: user.id,
        account_id: user.accountId,
        username: user.username,
        access: user.access,
        status: user.status,
        created_at_ms: user.createdAtMs,
        may_rotate: Number(user.mayRotate),
        networks: fromList(user.networks),
        display_name: user.displayName,
        description: user.description,
        contact: user.contact,
        archived_at_ms: user.archivedAtMs,
      }));
      for (const part of chunksOf(rows, ROWS_PER_INSERT)) await db.insertInto("api_users").values(part).execute();
      for (const [accountId, ofAccount] of Map.groupBy(users, (user) => user.accountId)) {
        await db
          .updateTable("accounts")
          .set((columns) => ({ users: columns("users", "+", ofAccount.length) }))
          .where("id", "=", accountId)
          .execute();
      }
    },
    setStatus: async (id, status) => {
      await db.updateTable("api_users").set({ status }).where("id", "=", id).execute();
    },
    update: async (id, { access, mayRotate, networks, displayName, description, contact, archivedAtMs }) => {
      const values = {
        access,
        may_rotate: Number(mayRotate),
        networks: fromList(networks),
        display_name: displayName,
        description,
        contact,
        archived_at_ms: archivedAtMs,
      };
      await db.updateTable("api_users").set(values).where("id", "=", id).execute();
    },
  };
}

async function findUser(db: Kysely<Database>, username: string): Promise<ApiUser | undefined> {
  if (!canBeStored(username)) return undefined;
  const row = await selectUsers(db).where("api_users.username", "=", username).executeTakeFirst();
  return row && toUser(row);
}

/** SQLite has no checksums: an index with a damaged page may lack an entry without causing an error. */
async function isInOtherIndex(db: Kysely<Database>, username: string): Promise<boolean> {
  const [, accountId, name] = /^api-([1-9][0-9]{0,9})-(.+)$/.exec(username) ?? [];
  if (accountId === undefined || name === undefined || !canBeId(Number(accountId))) return false;
  // Each of the two is an index of its own.
  for (const operator of ["is", "is not"] as const) {
    const found = await db
      .selectFrom("api_users")
      .select("id")
      .where("account_id", "=", Number(accountId))
      .where("status", "in", ["active", "deactivated"])
      .where("access", "in", ["full", "read_only"])
      .where("name", "=", name)
      .where("archived_at_ms", operator, null)
      .executeTakeFirst();
    if (found !== undefined) return true;
  }
  return false;
}

const STANDINGS: readonly string[] = ["active", "deactivated"];

const KEY_STATUSES: readonly string[] = ["active", "deactivated", "revoked"];

function damaged(): StoreBroken {
  return new StoreBroken("a row in it is damaged; stop the service, and restore a backup");
}

/**
 * A user with its account's status and its keys: active ones first, then the newest, so that the limit cuts off the least
 * important ones. One statement, which gives a consistent snapshot without a transaction's lock.
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
      "public_keys.networks as key_networks",
    ])
    .orderBy(sql`case public_keys.status when 'active' then 0 when 'deactivated' then 1 else 2 end`)
    .orderBy("public_keys.id", "desc")
    .limit(KEYS_PER_RECORD_MAX)
    .execute();
  const [user] = rows;
  if (user === undefined) return undefined;
  if (!STANDINGS.includes(user.status) || !STANDINGS.includes(user.account_status)) throw damaged();
  const keys: RecordKey[] = [];
  for (const { key_id, thumbprint, bits, spki, key_status, expires_at_ms, key_networks } of rows) {
    // A user without keys has one row, whose key columns are null.
    if (key_id === null || thumbprint === null || bits === null || spki === null || key_status === null) continue;
    if (!KEY_STATUSES.includes(key_status)) throw damaged();
    keys.push({
      id: key_id as KeyId,
      thumbprint,
      bits,
      spki,
      status: key_status,
      expiresAtMs: expires_at_ms,
      networks: toList(key_networks),
    });
  }
  return { user: toUser(user), accountStatus: user.account_status, keys };
}
