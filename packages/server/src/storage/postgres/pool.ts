import { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { PostgresPool, PostgresPoolClient } from "kysely";
import pg from "pg";

/** How long a request waits for a connection, new or returned, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3000;

/** An idle connection is closed after this time, in milliseconds. */
const IDLE_TIMEOUT_MS = 60_000;

/** How long to wait for connections to close cleanly, in milliseconds. */
const GOODBYE_MS_MAX = 2000;

/** A statement that took too long. */
export class StatementTimeout extends Error {
  override readonly name = "StatementTimeout";
}

/** The options that all connections share. */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: withVerifiedTls(url),
    // One of the few parameters that poolers forward. A name in the URL takes precedence.
    fallback_application_name: "countersign",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/**
 * A pool for Kysely. It uses no session state (no named statements, no settings at start, no session locks), so that it works
 * behind a pooler in transaction mode.
 *
 * @param max the most connections
 * @param statementMsMax the longest time for a statement; after it the connection is closed, since its state is unknown
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
  // The pool replaces a broken idle connection at the next request. Without a listener, the error would end the process.
  pool.on("error", () => undefined);
  return {
    options: {},
    end: () => (ending ??= hangUp(pool.end(), sockets)),
    async connect() {
      const client = await pool.connect();
      // The same for a connection in use, whose running statement rejects by itself.
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
          // The database reports this before it closes the connection. Don't return such a connection to the pool.
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
          // Given an error, the pool closes the connection. Otherwise its next user would wait for the stuck statement.
          client.release(broken);
        },
      };
    },
  };
}

/** Does this error end the session? Causes are a shutdown, an idle timeout, or the network. */
function endsSession(error: unknown): error is Error {
  if (!(error instanceof pg.DatabaseError)) return error instanceof Error;
  return /^(?:08|57P|25P0[34])/.test(error.code ?? "");
}

/** Waits for connections to close cleanly, but not for long: the database may hang. Then destroys their sockets. */
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

/** Parses bigint as a number: all times and counts fit, and as text they would compare as text. */
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
 * Turns `prefer`, `require` and `verify-ca` into `verify-full`: encryption without authenticating the server doesn't protect. A URL
 * with `uselibpqcompat=true` keeps their meaning in libpq.
 */
function withVerifiedTls(text: string): string {
  const url = new URL(text);
  const mode = url.searchParams.get("sslmode");
  if (url.searchParams.get("uselibpqcompat") !== "true" && ["prefer", "require", "verify-ca"].includes(mode ?? "")) {
    url.searchParams.set("sslmode", "verify-full");
  }
  return url.href;
}
