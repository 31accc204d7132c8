import { StatementTimeout } from "./pool.ts";

/** What the database itself says it lacks, by SQLSTATE (PostgreSQL, appendix A). */
const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["53100", "the database's disk is full"],
  ["53200", "the database is out of memory"],
  ["53300", "the database has no connection left"],
  ["25006", "the database is read-only; it may be a standby"],
  ["55P03", "another process holds a lock"],
]);

/**
 * What keeps the database from answering, in words that fit after `The store can't be written:`; `undefined` for a statement's
 * own fault.
 */
export function databaseProblem(error: unknown): string | undefined {
  if (error instanceof StatementTimeout) return "the database doesn't answer in time";
  const known = PROBLEMS.get(sqlState(error) ?? "");
  if (known !== undefined) return known;
  return isTemporary(error) ? "the database can't be reached" : undefined;
}

/** A wrong password or certificate stays wrong; a database that is starting, full or out of reach may come. */
export function isTemporary(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const state = sqlState(error);
  // Connection exceptions, insufficient resources, operator intervention.
  if (state !== undefined) return /^(?:08|53|57)/.test(state);
  // pg's own errors have no code.
  if (!("code" in error))
    return /^(?:timeout e|Connection terminated|Client (?:has encountered a connection error|was closed))/.test(
      error.message,
    );
  // Of several addresses of one host.
  if (error instanceof AggregateError) return error.errors.some(isTemporary);
  // Of a socket or a host's name, not of a file or a certificate.
  return error.code === "ECONNRESET" || ("syscall" in error && NETWORK_CALLS.includes(String(error.syscall)));
}

const NETWORK_CALLS: readonly string[] = ["connect", "read", "write", "getaddrinfo"];

/** Five characters that the database sends with an error. */
function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E") ? code : undefined;
}
