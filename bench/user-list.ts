/**
 * Pages of lists with a million API users and two keys each, on both stores: how long each kind of page takes,
 * including its count and its users' figures, and how long it takes to append an event. Half of the users are in one
 * account, 300,000 of the oldest have names of their own, and 2,000,000 events are in the log.
 */
import { parseArgs } from "node:util";
import pg from "pg";
import type { EventFilter } from "../packages/server/src/core/feed/store.ts";
import type { KeyFilter } from "../packages/server/src/core/keys/store.ts";
import { createOverviewHandlers } from "../packages/server/src/http/admin/overview/handlers.ts";
import type { PageRequest } from "../packages/server/src/core/store/page.ts";
import type { UserFilter, UserOrder } from "../packages/server/src/core/users/store.ts";
import type { AccountId } from "../packages/server/src/core/accounts/model.ts";
import type { ApiUserId } from "../packages/server/src/core/users/model.ts";
import type { KeyId } from "../packages/server/src/core/keys/model.ts";
import type { Store } from "../packages/server/src/core/store/store.ts";
import { openPostgresStore } from "../packages/server/src/storage/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../packages/server/src/storage/sqlite/open-sqlite-store.ts";
import { startPostgres } from "../packages/server/src/testing/test-postgres.ts";
import { makeTemporaryFolder } from "../packages/server/src/testing/test-registry.ts";
import { type EngineWords, fill, fillSqlite, HOUR } from "./user-list-store.ts";

const { values: options } = parseArgs({
  options: {
    users: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "30" },
    engine: { type: "string", default: "sqlite,postgresql" },
    json: { type: "boolean", default: false },
  },
});
const users = Number(options.users);
const rounds = Number(options.rounds);

const LIMIT = 50;
interface Measured {
  readonly what: string;
  readonly count: number;
  readonly median_ms: number;
  readonly worst_ms: number;
}

async function measure(store: Store): Promise<readonly Measured[]> {
  const results: Measured[] = [];
  async function time(what: string, ask: (round: number) => Promise<{ readonly count: number }>): Promise<void> {
    const times: number[] = [];
    let count = 0;
    for (let round = 0; round < rounds; round++) {
      const startedAt = performance.now();
      ({ count } = await ask(round));
      times.push(performance.now() - startedAt);
    }
    times.sort((a, b) => a - b);
    const round2 = (ms = Number.NaN) => Math.round(ms * 100) / 100;
    results.push({ what, count, median_ms: round2(times[Math.floor(rounds / 2)]), worst_ms: round2(times.at(-1)) });
  }
  const page = (
    filter: UserFilter | ((number: number) => UserFilter),
    order: UserOrder = "newest",
    from?: (number: number) => PageRequest["from"],
  ) => {
    return (round: number) => {
      const number = 1 + Math.floor(((round + 0.5) * users) / rounds);
      const asked = typeof filter === "function" ? filter(number) : filter;
      return store.users.page(asked, order, HOUR, { limit: LIMIT, from: from?.(number) });
    };
  };
  const deep = (number: number) => ({ key: [number], direction: "after" }) as const;
  const deepByName = (number: number) => ({ key: [`svc-${number}`, number], direction: "after" }) as const;
  const before = (number: number) => ({ key: [number], direction: "before" }) as const;
  const accountId = 1 as AccountId;
  const small = 502 as AccountId;

  await time("users", page({}));
  await time("users, deep inside", page({}, "newest", deep));
  await time("users, deep inside, backwards", page({}, "newest", before));
  await time("users by name", page({}, "name"));
  await time("users by name, deep inside", page({}, "name", deepByName));
  await time("users, deactivated", page({ status: "deactivated" }));
  await time("users, deactivated, deep inside", page({ status: "deactivated" }, "newest", deep));
  await time("users, deactivated, by name", page({ status: "deactivated" }, "name"));
  await time("users, read-only", page({ access: "read_only" }, "newest", deep));
  await time("users of the great account", page({ accountId }, "newest", deep));
  await time("users of the great account by name", page({ accountId }, "name", deepByName));
  await time(
    "users of the great account, deactivated, read-only",
    page({ accountId, status: "deactivated", access: "read_only" }),
  );
  await time("users of a small account", page({ accountId: small }));
  await time(
    "users of a small account by name, deactivated",
    page({ accountId: small, status: "deactivated" }, "name"),
  );
  await time("search: most", page({ search: "svc" }));
  await time("search: many", page({ search: "legacy" }));
  await time(
    "search: a thousand",
    page((number) => ({ search: `svc-${String(number).slice(0, 3)}` })),
  );
  await time("search: ten thousand", page({ search: "svc-42" }));
  await time(
    "search: one",
    page((number) => ({ search: `svc-${number}` })),
  );
  await time(
    "search: one, by the end of its name",
    page((number) => ({ search: `${number}`.slice(-6) })),
  );
  await time("search: half of all, by name", page({ search: "vc-" }, "name"));
  await time("search: one letter", page({ search: "y" }));
  await time("search: two letters that nobody has", page({ search: "qq" }));
  await time("search: a label", page({ search: "abel 4242" }));
  await time("search: an account by its name", page({ search: "ccount 9" }));
  await time("search: nobody", page({ search: "nobody" }));
  await time("search: the great account by its id", page({ search: "api-1" }));
  await time("search: a small account by its id", page({ search: "api-99" }));
  await time(
    "search: username",
    page((number) => ({ search: `api-1-svc-${number}` })),
  );
  await time("search: in a small account", page({ accountId: small, search: "svc" }));
  await time("search: deactivated", page({ status: "deactivated", search: "legacy" }));
  await time(
    "search: fingerprint",
    page((number) => ({ search: `SHA256:1${String(number).padStart(42, "0")}` })),
  );
  await time("search: a fingerprint's beginning", page({ search: "SHA256:1000" }));

  const events = (
    filter: EventFilter | ((round: number) => EventFilter),
    from?: (number: number) => PageRequest["from"],
  ) => {
    return (round: number) => {
      const number = 1 + Math.floor(((round + 0.5) * users * 2) / rounds);
      const asked = typeof filter === "function" ? filter(number) : filter;
      return store.events.page(asked, { limit: LIMIT, from: from?.(number) });
    };
  };
  const actor = "operator:zoe@example.com";
  await time("events", events({}));
  await time("events, deep inside", events({}, deep));
  await time("events of the great account", events({ accountId }, deep));
  await time("events of a small account and an action", events({ accountId: small, action: "user.created" }));
  await time("events by actor", events({ actor }, deep));
  await time("events by a part of an actor's name", events({ actorPart: "zoe@" }, deep));
  await time("events by a part of nobody's name", events({ actorPart: "nobody" }, deep));
  await time("events by actor and action", events({ actor, action: "key.added" }, deep));
  await time(
    "events by actor and action, both many, together none",
    events({ actor: "admin-token:import", action: "key.revoked" }),
  );
  await time("events by beginning of action", events({ action: "key" }, deep));
  await time(
    "events by subject",
    events((number) => ({ subject: `user:${Math.floor(number / 2)}` })),
  );
  await time(
    "events of a day",
    events((number) => ({ fromMs: number * 1000, untilMs: number * 1000 + 86_400_000 })),
  );
  await time(
    "events of a day by actor",
    events((number) => ({ actor, fromMs: number * 1000, untilMs: number * 1000 + 86_400_000 })),
  );
  await time("events of the first hour", events({ fromMs: 0, untilMs: 3_600_000 }));

  const nowMs = HOUR * 1000;
  const dayMs = 86_400_000;
  const keys = (filter: KeyFilter) => () => store.keys.pageAll(filter, nowMs, { limit: LIMIT });
  await time("keys", keys({}));
  await time("keys of the great account", keys({ accountId }));
  await time("keys, expiring within 30 days", keys({ expiringUntilMs: nowMs + 30 * dayMs }));
  await time("keys, unused for 90 days", keys({ unusedSinceMs: nowMs - 90 * dayMs }));
  await time("keys of a small account, unused", keys({ accountId: small, unusedSinceMs: nowMs - 90 * dayMs }));
  await time(
    "keys, unused and expiring",
    keys({ unusedSinceMs: nowMs - 90 * dayMs, expiringUntilMs: nowMs + 30 * dayMs }),
  );
  await time("keys, weak", keys({ isWeak: true }));
  await time("keys of a small account, weak", keys({ accountId: small, isWeak: true }));
  for (const [what, principal] of [
    ["overview", { accountId: null }],
    ["overview of the great account", { accountId }],
  ] as const) {
    const handlers = createOverviewHandlers({ store, clock: { wallMs: () => nowMs } });
    await time(what, async () => {
      const { data } = await handlers.getOverview({ principal, query: {} });
      return { count: data.keys.active };
    });
  }

  const hours = async (scope: Parameters<Store["usage"]["hours"]>[0]) => ({
    count: (await store.usage.hours(scope, HOUR, HOUR + 30 * 86_400)).length,
  });
  await time("accounts", () => store.accounts.page({}, { limit: LIMIT }));
  await time("accounts, search", () => store.accounts.page({ search: "Account 9" }, { limit: LIMIT }));
  await time("usage of all, a month", () => hours({}));
  await time("usage of an account, a month", () => hours({ accountId }));
  await time("usage of a user, a month", (round) => hours({ userId: (1 + round) as ApiUserId }));
  await time("live tokens of a key", async (round) => {
    const { userCount } = await store.usage.liveTokens({ keyId: (1 + round) as KeyId }, 0, 10);
    return { count: userCount };
  });
  await time("live tokens of the great account", async () => {
    const { userCount } = await store.usage.liveTokens({ accountId }, 0, 10);
    return { count: userCount };
  });
  await time("appending an event", async () => {
    const { seq } = await store.transaction((transaction) =>
      transaction.events.append({ atMs: 1, actor, action: "key.added", subject: "key:1", details: {}, accountId }),
    );
    return { count: seq };
  });
  return results;
}

/** A statement on SQLite blocks everything else, so the longest of all that were measured counts too. */
function print(engine: string, filledSeconds: number, results: readonly Measured[]): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ engine, users, filled_s: filledSeconds, results })}\n`);
    return;
  }
  process.stdout.write(`${engine}: ${users} users, filled in ${filledSeconds} s\n`);
  for (const { what, count, median_ms, worst_ms } of results) {
    const figures = [median_ms, worst_ms].map((ms) => `${ms.toFixed(2).padStart(9)} ms`).join("");
    process.stdout.write(`  ${what.padEnd(56)}${String(count).padStart(9)}${figures}\n`);
  }
}

async function onSqlite(): Promise<void> {
  const folder = makeTemporaryFolder();
  const file = folder.file("countersign.db");
  const filledSeconds = await fillSqlite(file, users);
  const store = await openSqliteStore(file);
  print("sqlite", filledSeconds, await measure(store));
  await store.close();
  folder.remove();
}

async function onPostgres(): Promise<void> {
  const server = await startPostgres({ settings: ["shared_buffers=512MB", "max_wal_size=8GB"] });
  try {
    const url = await server.createDatabase();
    await (await openPostgresStore({ url, connectionsMax: 2 })).close();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const startedAt = performance.now();
    const words: EngineWords = {
      numbers: (count) => `generate_series(1, ${count}) as counting (n)`,
      bytes: `'\\x${"00".repeat(294)}'`,
      digits: (column) => `lpad(${column}::text, 42, '0')`,
    };
    // Made afterwards, the indexes of runs take a minute or two, and not ten.
    const { rows } = await client.query<{ name: string; definition: string }>(
      "select indexname as name, indexdef as definition from pg_indexes where indexdef like '%runs_of_three%'",
    );
    for (const { name } of rows) await client.query(`drop index ${name}`);
    for (const statement of fill(words, users)) await client.query(statement);
    for (const { definition } of rows) await client.query(definition);
    await client.query("vacuum analyze");
    await client.end();
    const filledSeconds = Math.round((performance.now() - startedAt) / 1000);
    const store = await openPostgresStore({ url, connectionsMax: 4 });
    print("postgresql", filledSeconds, await measure(store));
    await store.close();
  } finally {
    await server.stop();
  }
}

if (options.engine.includes("sqlite")) await onSqlite();
if (options.engine.includes("postgresql")) await onPostgres();
