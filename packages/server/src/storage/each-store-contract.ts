import assert from "node:assert/strict";
import { afterEach, beforeEach } from "node:test";
import { sql } from "kysely";
import type { Account } from "../core/accounts/model.ts";
import type { ApiUser } from "../core/users/model.ts";
import type { KeyId, PublicKey } from "../core/keys/model.ts";
import type { KeyUsageRecord } from "../core/keys/usage-store.ts";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import type { Store, StoreTransaction } from "../core/store/store.ts";
import { type RaceTask, raceStores } from "../testing/race-stores.ts";
import type { SqlStore } from "./sql-store.ts";
import type { StoreUnderTest } from "./store-contract.ts";

/** A new store for every test of the surrounding suite. Only tests import this. */
export interface EachStore {
  readonly store: Store;
  /** Another connection to the same store, as another process opens it. */
  connect(): Promise<Store>;
  disconnect(connection: Store): Promise<void>;
  race(contestants: number, task: RaceTask): Promise<readonly string[][]>;
  /** Closes the store and opens it again, as a restart does. */
  reopen(): Promise<void>;
  /** Runs SQL that both engines understand, behind the store's back, in one transaction. */
  rewrite(...statements: readonly string[]): Promise<void>;
}

export function openEachStore(open: () => Promise<StoreUnderTest>): EachStore {
  let underTest: StoreUnderTest;
  let connections: Store[];
  beforeEach(async () => {
    underTest = await open();
    connections = [underTest.store];
  });
  afterEach(async () => {
    for (const connection of connections) await connection.close();
    await underTest.cleanup();
  });
  const first = () => connections[0] as Store;
  return {
    get store() {
      return first();
    },
    async connect() {
      const connection = await underTest.connect();
      connections.push(connection);
      return connection;
    },
    async disconnect(connection) {
      connections.splice(connections.indexOf(connection), 1);
      await connection.close();
    },
    race: (contestants, task) => raceStores(underTest.opener, contestants, task),
    async reopen() {
      await first().close();
      connections[0] = await underTest.connect();
    },
    async rewrite(...statements) {
      await (first() as SqlStore).withChangesLocked(async (transaction) => {
        for (const statement of statements) await sql.raw(statement).execute(transaction);
      });
    },
  };
}

export function insertAccount(store: Store, shortname: string, name = shortname): Promise<Account> {
  return store.transaction((transaction) => transaction.accounts.insert({ shortname, name, createdAtMs: 1 }));
}

export function insertUser(
  store: Store,
  account: Account,
  name: string,
  access: ApiUser["access"] = "full",
): Promise<ApiUser> {
  return store.transaction((transaction) => transaction.users.insert({ account, name, access, createdAtMs: 2 }));
}

/** A key that is distinguished by its number. */
export function insertKey(
  { keys }: Pick<StoreTransaction, "keys">,
  user: ApiUser,
  number: number,
  times: Partial<Pick<PublicKey, "createdAtMs" | "expiresAtMs">> = {},
): Promise<KeyId> {
  return keys.insert({
    userId: user.id,
    accountId: user.accountId,
    modulusHash: `modulus ${number}`,
    provedAtMs: null,
    rotatedFrom: null,
    networks: [],
    fingerprint: `SHA256:${number}`,
    thumbprint: `Thumb-${number}`,
    bits: 2048,
    spki: Buffer.from([0, number % 256, 255]),
    label: null,
    createdAtMs: 3,
    expiresAtMs: null,
    ...times,
  });
}

const USER_INDEXES = [
  ["newest", "status, access, id"],
  ["name", "status, access, name, id"],
  ["account_newest", "account_id, status, access, id"],
  ["account_name", "account_id, status, access, name, id"],
] as const;

/** Reverts the migration 0014-search-plan; what it changed, it changes again. */
export const UNDO_0014: readonly string[] = ["delete from kysely_migration where name = '0014-search-plan'"];

/** Reverts the migration 0013-device-sign-ins and those after it. */
export const UNDO_0013: readonly string[] = [
  ...UNDO_0014,
  "drop table device_sign_ins",
  "drop index admin_tokens_operator",
  "alter table admin_tokens drop column host_name",
  "alter table admin_tokens drop column operator_id",
  "delete from kysely_migration where name = '0013-device-sign-ins'",
];

const SEARCHED = ["api_users", "public_keys"];

/** Reverts the migration 0012-search, which differs by engine. */
export const UNDO_0012: Readonly<Record<Store["engine"], readonly string[]>> = {
  sqlite: [
    ...SEARCHED.flatMap((table) => [
      ...["insert", "update", "delete"].map((event) => `drop trigger ${table}_search_${event}`),
      `drop table ${table}_search`,
    ]),
    "delete from kysely_migration where name = '0012-search'",
  ],
  postgresql: [
    ...SEARCHED.map((table) => `drop index ${table}_search`),
    "drop function runs_of_three",
    "delete from kysely_migration where name = '0012-search'",
  ],
};

/** Reverts the migration 0011-descriptions and those after it but 0012-search. */
export const UNDO_0011: readonly string[] = [
  ...UNDO_0013,
  ...USER_INDEXES.flatMap(([name, columns]) => [
    `drop index api_users_archive_${name}`,
    `drop index api_users_${name}`,
    `create index api_users_${name} on api_users (${columns})`,
  ]),
  "alter table api_users drop column display_name",
  ...["api_users", "accounts"].flatMap((table) =>
    ["archived_at_ms", "contact", "description"].map((column) => `alter table ${table} drop column ${column}`),
  ),
  "delete from kysely_migration where name = '0011-descriptions'",
];

/** Reverts the migration 0010-refusals-by-user and those after it. */
export const UNDO_0010: readonly string[] = [
  ...UNDO_0011,
  "alter table nodes drop column feed_lag_ms",
  "drop table user_refusal_hours",
  "delete from kysely_migration where name = '0010-refusals-by-user'",
];

/** Reverts the migration 0009-node-names and those after it. */
export const UNDO_0009: readonly string[] = [
  ...UNDO_0010,
  "alter table nodes drop column host_name",
  "delete from kysely_migration where name = '0009-node-names'",
];

/** Reverts the migration 0008-key-trust and those after it. */
export const UNDO_0008: readonly string[] = [
  ...UNDO_0009,
  "drop table webhook_deliveries",
  "drop table webhooks",
  "drop table jobs",
  "drop table refusal_hours",
  "drop table key_notices",
  "drop table revoked_moduli",
  "alter table nodes drop column public_url",
  "alter table accounts drop column key_age_max_s",
  "alter table api_users drop column networks",
  "alter table api_users drop column may_rotate",
  ...[
    "modulus",
    "rotated_from",
    "weakness",
    "status",
    "expiry",
    "idle",
    "account",
    "account_expiry",
    "account_idle",
  ].map((name) => `drop index public_keys_${name}`),
  ...["weakness", "networks", "rotated_from", "proved_at_ms", "idle_since_day", "account_id", "modulus_hash"].map(
    (name) => `alter table public_keys drop column ${name}`,
  ),
  "delete from kysely_migration where name = '0008-key-trust'",
];

/** Reverts the migration 0007-list-indexes and those after it. */
export const UNDO_0007: readonly string[] = [
  ...UNDO_0008,
  "drop index audit_events_account_action",
  "create index audit_events_account_action on audit_events (account_id, action, seq)",
  "create index audit_events_actor on audit_events (actor, seq)",
  "create index audit_events_account_actor on audit_events (account_id, actor, seq)",
  "create index audit_events_time on audit_events (at_ms, seq)",
  "drop index audit_events_actor_action",
  "drop index audit_events_account_actor_action",
  "delete from kysely_migration where name = '0007-list-indexes'",
];

/** Reverts the migration 0006-operators and those after it. */
export const UNDO_0006: readonly string[] = [
  ...UNDO_0007,
  "drop table sign_in_attempts",
  "alter table operator_sessions drop column authenticated_at_ms",
  "delete from kysely_migration where name = '0006-operators'",
];

/** Reverts the migration 0005-store-identity and those after it. */
export const UNDO_0005: readonly string[] = [
  ...UNDO_0006,
  "drop table store_identity",
  "delete from kysely_migration where name = '0005-store-identity'",
];

/**
 * Reverts the migration 0004-administration and those after it, so that opening the store runs them again on the
 * existing rows.
 */
export const UNDO_0004: readonly string[] = [
  ...UNDO_0005,
  "drop table key_expiries",
  "drop table usage_hours",
  "drop table account_usage_hours",
  "drop table remembered_creations",
  "drop table admin_tokens",
  "drop table invitations",
  "drop table recovery_codes",
  "drop table used_challenges",
  "drop table passkeys",
  "drop table operator_sessions",
  "drop table operators",
  "drop index audit_events_account",
  "drop index audit_events_account_action",
  "drop index audit_events_account_actor",
  "drop index audit_events_action",
  "drop index audit_events_actor",
  "drop index audit_events_subject",
  "drop index audit_events_time",
  "alter table audit_events drop column account_id",
  "drop index public_keys_fingerprint",
  "drop index api_users_newest",
  "drop index api_users_name",
  "drop index api_users_account_newest",
  "drop index api_users_account_name",
  "create index api_users_account on api_users (account_id)",
  "alter table api_users drop column name",
  "drop index accounts_search_name",
  "drop index accounts_status",
  "alter table accounts drop column search_name",
  "alter table accounts drop column users",
  "delete from kysely_migration where name = '0004-administration'",
];

/** When an hour and ten minutes begin, in seconds since the epoch. */
export const HOUR = 1_481_652_000;

/** Reads a page of a list. */
export type Read<Item> = (page: PageRequest) => Promise<Page<Item>>;

/**
 * Goes through a list from its beginning to its end and back, in pages of each length, and checks that it is what was expected, that
 * no page says that there is more where there isn't, and that both ways see the same.
 */
export async function assertList<Item>(
  read: Read<Item>,
  keyOf: (item: Item) => PageKey,
  expected: readonly Item[],
  message: string,
): Promise<void> {
  await assertPages(read, keyOf, expected, message, [3, expected.length, expected.length + 1]);
  const reversed: Read<Item> = (page) => read({ ...page, isReversed: true });
  // Two pages, since the way back reads what the way forth does in the other order.
  const half = Math.ceil((expected.length + 1) / 2);
  await assertPages(reversed, keyOf, expected.toReversed(), `${message}, reversed`, [half]);
}

async function assertPages<Item>(
  read: Read<Item>,
  keyOf: (item: Item) => PageKey,
  expected: readonly Item[],
  message: string,
  limits: readonly number[],
): Promise<void> {
  for (const limit of limits) {
    if (limit === 0) continue;
    const forth: Item[] = [];
    let from: PageRequest["from"];
    for (;;) {
      const page = await read({ limit, from });
      assert.equal(page.count, expected.length, message);
      assert.equal(page.hasPrevious, forth.length > 0, `${message}: something before item ${forth.length}`);
      assert.equal(
        page.before,
        page.items.length === 0 ? 0 : forth.length,
        `${message}: the place of item ${forth.length}`,
      );
      forth.push(...page.items);
      assert.equal(page.hasNext, forth.length < expected.length, `${message}: something after item ${forth.length}`);
      const last = page.items.at(-1);
      if (last === undefined || !page.hasNext) break;
      from = { key: keyOf(last), direction: "after" };
    }
    assert.deepEqual(forth, expected, message);
    const back: Item[] = [];
    for (let first = expected.at(-1); first !== undefined; first = back[0]) {
      const page: Page<Item> = await read({ limit, from: { key: keyOf(first), direction: "before" } });
      back.unshift(...page.items);
      const place = page.items.length === 0 ? 0 : expected.length - 1 - back.length;
      assert.equal(page.before, place, `${message}: the place, backwards`);
      assert.equal(page.hasNext, true, `${message}: the item that the page is before`);
      assert.equal(page.hasPrevious, back.length < expected.length - 1, message);
      if (page.items.length === 0 || !page.hasPrevious) break;
    }
    assert.deepEqual(back, expected.slice(0, -1), `${message}, backwards`);
  }
}

/** What a key was used for. */
export function used(
  keyId: KeyId,
  lastUsedAtMs: number,
  ...hours: readonly (readonly [number, number])[]
): KeyUsageRecord {
  return { keyId, lastUsedAtMs, tokensByHour: new Map(hours), tokensByExpiry: new Map() };
}
