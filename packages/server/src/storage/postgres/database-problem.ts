import { StatementTimeout } from "./pool.ts";

/** The database's own problems by SQLSTATE (PostgreSQL, appendix A). */
const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["53100", "the database's disk is full"],
  ["53200", "the database is out of memory"],
  ["53300", "the database has no connection left"],
  ["25006", "the database is read-only; it may be a standby"],
  ["55P03", "another process holds a lock"],
]);

/**
 * Describes what keeps the database from answering, in words that fit after `The store can't be written:`; `undefined` if the
 * statement is at fault.
 */
export function databaseProblem(error: unknown): string | undefined {
  if (error instanceof StatementTimeout) return "the database doesn't answer in time";
  const known = PROBLEMS.get(sqlState(error) ?? "");
  if (known !== undefined) return known;
  return isTemporary(error) ? "the database can't be reached" : undefined;
}

/** May the problem go away by itself? That of a starting, full or unreachable database may; a wrong password or certificate stays wrong. */
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
  // Connecting failed at several addresses of one host.
  if (error instanceof AggregateError) return error.errors.some(isTemporary);
  // The error comes from a socket or a name lookup, not from a file or a certificate.
  return error.code === "ECONNRESET" || ("syscall" in error && NETWORK_CALLS.includes(String(error.syscall)));
}

const NETWORK_CALLS: readonly string[] = ["connect", "read", "write", "getaddrinfo"];

/** The error's SQLSTATE: five characters from the database. */
function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E") ? code : undefined;
}
