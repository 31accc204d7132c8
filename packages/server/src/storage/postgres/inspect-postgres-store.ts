import { randomUUID } from "node:crypto";
import { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { type Kysely, sql } from "kysely";
import pg from "pg";
import { type InspectedStore, inspectSchema, type ServerFacts } from "../inspected-store.ts";
import { idsWithRuns } from "./runs.ts";
import type { Database } from "../schema.ts";
import { StoreOpenError } from "../store-open-error.ts";
import { databaseProblem } from "./database-problem.ts";
import { connect, NOW_MS } from "./open-postgres-store.ts";
import { connectionOptions, createPool, hangUp } from "./pool.ts";

/** How long a statement may take, in milliseconds. */
const STATEMENT_MS_MAX = 4000;

/** How long to wait for a notification, in milliseconds. */
const NOTIFICATION_MS_MAX = 2000;

/**
 * Opens a PostgreSQL database to look at it: no migration, no change.
 *
 * @param listenUrl where nodes listen for notifications
 * @throws {StoreOpenError} if it can't be reached or read
 */
export async function inspectPostgresStore(url: string, listenUrl: string): Promise<InspectedStore> {
  const pool = createPool(url, 3, STATEMENT_MS_MAX);
  const db = connect(pool);
  try {
    const { rows } = await sql<{ encoding: string; standby: boolean; readOnly: string }>`
      select current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby,
        current_setting('default_transaction_read_only') as "readOnly"`.execute(db);
    const { encoding = "UTF8", standby = false, readOnly = "off" } = rows[0] ?? {};
    const schema = await inspectSchema(db, {
      name: "postgresql",
      nowMs: NOW_MS,
      idsWithRuns,
      problemOf: databaseProblem,
    });
    return {
      engine: "postgresql",
      ...schema,
      logBytes: 0,
      readOnly: standby
        ? "the database is a standby"
        : readOnly === "on"
          ? "transactions are read-only by default (default_transaction_read_only)"
          : undefined,
      wrongEncoding: encoding === "UTF8" ? undefined : encoding,
      findServerFacts: () => findServerFacts(db, listenUrl),
      close: () => pool.end(),
    };
  } catch (error) {
    await pool.end();
    const problem = databaseProblem(error) ?? (error instanceof Error ? error.message : "unknown problem");
    const reason = error instanceof Error && error.message !== "" ? error.message : undefined;
    throw new StoreOpenError(reason === undefined || reason === problem ? problem : `${problem}: ${reason}`, {
      cause: error,
    });
  }
}

async function findServerFacts(db: Kysely<Database>, listenUrl: string): Promise<ServerFacts> {
  // The limits of the server, the database and the user; -1 is none.
  const { rows } = await sql<{ version: number; server: number; reserved: number; database: number; user: number }>`
    select current_setting('server_version_num')::int as version, current_setting('max_connections')::int as server,
      current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
      (select datconnlimit from pg_database where datname = current_database()) as database,
      (select rolconnlimit from pg_roles where rolname = current_user) as user`.execute(db);
  const [facts] = rows;
  if (facts === undefined) throw new Error("the database gave no figures");
  const limits = [facts.server - facts.reserved, facts.database, facts.user].filter((limit) => limit >= 0);
  return {
    major: Math.floor(facts.version / 10_000),
    connectionsMax: Math.min(...limits),
    isNotified: await findWhetherNotified(db, listenUrl),
  };
}

/** Sends a notification through the pool, as a change does, to a connection that listens, as a node has one. */
async function findWhetherNotified(db: Kysely<Database>, listenUrl: string): Promise<boolean> {
  const channel = `countersign_doctor_${randomUUID().replaceAll("-", "")}`;
  const socket = new Socket();
  const client = new pg.Client({ ...connectionOptions(listenUrl), stream: () => socket });
  client.on("error", () => undefined);
  const timer = new AbortController();
  try {
    const notified = new Promise<boolean>((resolve) => client.once("notification", () => resolve(true)));
    const listened = (async () => {
      await client.connect();
      await client.query(`listen ${channel}`);
      await sql`select pg_notify(${channel}, '')`.execute(db);
      return await notified;
    })();
    return await Promise.race([
      listened.catch(() => false),
      setTimeout(NOTIFICATION_MS_MAX, false, { signal: timer.signal }),
    ]);
  } finally {
    timer.abort();
    // Behind a pooler, the session goes on without this client.
    const forgotten = client.query(`unlisten ${channel}`).catch(() => undefined);
    await hangUp(
      forgotten.then(() => client.end()),
      [socket],
    );
  }
}
