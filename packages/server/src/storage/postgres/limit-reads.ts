import type { SqlStore } from "../sql-store.ts";
import { startDeadline } from "../deadline.ts";
import { storeUnavailable } from "../store-unavailable.ts";

/** How long a request waits for what it reads, in milliseconds: a database that hangs must be a 503 before clients give up. */
const REQUEST_READ_MS_MAX = 2000;

/** What decides about a request, or whether the node is ready. Lists and reports may take longer. */
const REQUEST_READS = [
  "loadUserByName",
  "loadUserByKey",
  "loadResourceServer",
  "isTokenRevoked",
  "listSigningKeys",
  "changeMarker",
  "clockMs",
  "findSession",
  "findAdminTokenBySecret",
  "findAccount",
] as const satisfies readonly (keyof SqlStore)[];

/**
 * The same store, in which those reads have a deadline that the wait for a connection counts towards. The statement itself goes
 * on until its own limit; its answer counts for nothing then.
 *
 * @throws {Refusal} (each of them) `unavailable` at the deadline
 */
export function limitReads(store: SqlStore, msMax = REQUEST_READ_MS_MAX): SqlStore {
  const overdue = () => storeUnavailable("read", `the database hasn't answered for ${msMax / 1000} s`);
  const limited = REQUEST_READS.map((name) => {
    const read = store[name] as (...parameters: unknown[]) => Promise<unknown>;
    return [name, (...parameters: unknown[]) => startDeadline(msMax, overdue).race(read(...parameters))] as const;
  });
  return { ...store, ...Object.fromEntries(limited) };
}
