/**
 * Exchanges and checks a second with one and two workers, on SQLite and on PostgreSQL, in one run, and how many
 * statements reach PostgreSQL in that time. Server, PostgreSQL and wrk share the machine's cores: compare stores and
 * numbers of workers, not absolute figures.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startPostgres } from "../packages/server/src/testing/test-postgres.ts";
import { makeKeyPair } from "../test/testkit/rsa-keys.ts";
import { signAssertion } from "../test/testkit/sign-assertion.ts";
import {
  admin,
  cleanUp,
  folder,
  load,
  mediansOf,
  printReport,
  readOptions,
  type StoreChoice,
  startService,
} from "./support.ts";

const { rounds, seconds, connections, json } = readOptions();
const ASSERTIONS = 500;

const postgres = await startPostgres({ settings: ["shared_preload_libraries=pg_stat_statements"] });
try {
  const { privateKey, publicPem } = makeKeyPair();
  const databaseUrl = await postgres.createDatabase();
  const database = new URL(databaseUrl).pathname.slice(1);
  await postgres.query("create extension pg_stat_statements", database);
  const stores: Readonly<Record<string, StoreChoice>> = {
    sqlite: { dataDir: join(folder, "sqlite") },
    postgresql: { dataDir: join(folder, "postgresql"), databaseUrl },
  };
  const results: Record<string, number[]> = {};
  const statements: Record<string, number> = {};
  for (const [name, store] of Object.entries(stores)) {
    mkdirSync(store.dataDir ?? "");
    admin(["account", "create", "bench"], store);
    admin(["user", "create", "bench", "--account", "bench"], store);
    admin(["key", "add", "api-1-bench", publicPem], store);
    for (const workers of [1, 2]) {
      const service = await startService(store, ["--workers", String(workers), "--log-level", "warn"], false);
      const refreshUrl = `${service.publicUrl}/api/auth/v0/refresh/`;
      const exchanged = await fetch(refreshUrl, {
        headers: { authorization: `JWT ${signAssertion("api-1-bench", privateKey)}` },
      });
      const { token } = ((await exchanged.json()) as { data: { token: string } }).data;
      const common = { seconds, connections, isPinned: false };
      const before = await countStatements(database);
      const startedAt = performance.now();
      for (let round = 0; round < rounds; round++) {
        const assertions = Array.from({ length: ASSERTIONS }, () => `JWT ${signAssertion("api-1-bench", privateKey)}`);
        const note = (what: string, rate: number) =>
          (results[`${name}, ${workers} worker(s), ${what}`] ??= []).push(rate);
        note("mint", load(refreshUrl, { ...common, credentials: assertions }));
        note("check", load(`${service.publicUrl}/api/auth/v0/check/`, { ...common, credentials: [`Token ${token}`] }));
      }
      if (name === "postgresql") {
        const perSecond = ((await countStatements(database)) - before) / ((performance.now() - startedAt) / 1000);
        statements[`${workers} worker(s)`] = Math.round(perSecond * 10) / 10;
      }
      await service.stop();
    }
  }
  printReport(
    { node: process.version, per_second: mediansOf(results), statements_per_second_at_postgresql: statements },
    json,
  );
} finally {
  await cleanUp();
  await postgres.stop();
}

/** How many statements the database has received, without this query. */
async function countStatements(database: string): Promise<number> {
  const [row] = await postgres.query(
    "select coalesce(sum(calls), 0)::float8 as calls from pg_stat_statements where query not like '%pg_stat_statements%'",
    database,
  );
  return Number(row?.["calls"]);
}
