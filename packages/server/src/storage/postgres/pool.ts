import { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { PostgresPool, PostgresPoolClient } from "kysely";
import pg from "pg";

/** How long a request waits for a connection, new or returned, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3000;

/** A connection that nobody needs is closed after this long, in milliseconds. */
const IDLE_TIMEOUT_MS = 60_000;

/** How long a database may take to answer a goodbye, in milliseconds. */
const GOODBYE_MS_MAX = 2000;

/** A statement that took too long. */
export class StatementTimeout extends Error {
  override readonly name = "StatementTimeout";
}

/** What every connection has in common, whatever it is for. */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: withVerifiedTls(url),
    // One of the few parameters that poolers pass on; the URL's own comes first.
    fallback_application_name: "countersign",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/**
 * A pool for Kysely. Needs nothing of a connection's session, so that a pooler in transaction mode may stand before the
 * database: no named statements, no settings at start, no session locks.
 *
 * @param max connections at most
 * @param statementMsMax how long a statement may take; then its connection is given up: nobody knows what state it is in
 */
export function createPool(url: string, max: number, statementMsMax: number): PostgresPool {
  const sockets = new Set<Socket>();
  const pool = new pg.Pool({
    ...connectionOptions(url),
    max,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      return socket.once("close", () => sockets.delete(socket));
    },
  });
  let ending: Promise<void> | undefined;
  // An idle connection that breaks is replaced with the next request; without a listener it would end the process.
  pool.on("error", () => undefined);
  return {
    options: {},
    end: () => (ending ??= hangUp(pool.end(), sockets)),
    async connect() {
      const client = await pool.connect();
      // The same while it is in use: the statement under way is told by its own rejection.
      const ignore = () => undefined;
      client.on("error", ignore);
      let broken: Error | undefined;
      const query: PostgresPoolClient["query"] = (async (statement: string | pg.QueryConfig, values?: unknown[]) => {
        if (broken !== undefined) throw broken;
        const timer = new AbortController();
        const timeout = setTimeout(statementMsMax, undefined, { signal: timer.signal, ref: false }).then(() => {
          broken = new StatementTimeout(`a statement took over ${statementMsMax} ms`);
          throw broken;
        });
        timeout.catch(() => undefined);
        try {
          return await Promise.race([
            typeof statement === "string" ? client.query(statement, values) : client.query(statement),
            timeout,
          ]);
        } catch (error) {
          // The database says so before it hangs up: the next user would be handed a connection that is about to break.
          if (endsSession(error)) broken ??= error;
          throw error;
        } finally {
          timer.abort();
        }
      }) as unknown as PostgresPoolClient["query"];
      return {
        query,
        release() {
          client.off("error", ignore);
          // With an error the pool closes it; otherwise the next user would wait for the stuck statement.
          client.release(broken);
        },
      };
    },
  };
}

/** Was the session ended: on the operator's behalf, by a limit on idling, or by the network? */
function endsSession(error: unknown): error is Error {
  if (!(error instanceof pg.DatabaseError)) return error instanceof Error;
  return /^(?:08|57P|25P0[34])/.test(error.code ?? "");
}

/** Waits for a goodbye that was said; where the database hangs, not for long. */
export async function hangUp(goodbye: Promise<unknown>, sockets: Iterable<Socket>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([
    goodbye.catch(() => undefined),
    setTimeout(GOODBYE_MS_MAX, undefined, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
  for (const socket of sockets) socket.destroy();
}

/** The type bigint (pg_type.oid). */
const INT8 = 20;

/** Times and counts are bigint in the database, and all of them fit into a number; as text, they would compare as text. */
function getTypeParser(oid: number, format?: "text" | "binary"): (text: string) => unknown {
  if (oid === INT8) return toSafeInteger;
  return pg.types.getTypeParser(oid, format) as (text: string) => unknown;
}

function toSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error("the database has a number that doesn't fit");
  return value;
}

/**
 * `prefer`, `require` and `verify-ca` become `verify-full`: an encrypted connection to nobody knows whom is none. A URL with
 * `uselibpqcompat=true` keeps their meaning in libpq.
 */
function withVerifiedTls(text: string): string {
  const url = new URL(text);
  const mode = url.searchParams.get("sslmode");
  if (url.searchParams.get("uselibpqcompat") !== "true" && ["prefer", "require", "verify-ca"].includes(mode ?? "")) {
    url.searchParams.set("sslmode", "verify-full");
  }
  return url.href;
}
