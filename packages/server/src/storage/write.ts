import { setTimeout } from "node:timers/promises";
import type { Kysely, Transaction } from "kysely";
import { createFairQueue } from "../core/fair-queue.ts";
import { startDeadline, WRITE_MS_MAX } from "./deadline.ts";
import type { Connections, Engine } from "./engine.ts";
import type { Database } from "./schema.ts";
import { NOTHING_CHANGED, OUTCOME_UNKNOWN, storeUnavailable } from "./store-unavailable.ts";

/** How often a write checks whether another process has released its lock, in milliseconds. */
const LOCK_RETRY_MS = 2;

/** Runs every transaction that writes. */
export interface Writer {
  /**
   * Runs the work in a transaction, which begins to commit before the deadline or not at all. Waiting for this process's earlier
   * writes and for another process's lock counts. If the work fails, the transaction is rolled back and the caller gets the work's
   * error, even if the rollback fails too.
   *
   * @param msMax the longest time until the commit begins; the engine's own limit by default
   * @throws {Refusal} `unavailable` if the store can't be written in time. The message says that nothing was changed, or that this
   *   isn't known
   */
  readonly write: <Result>(
    connections: Kysely<Database>,
    work: (transaction: Transaction<Database>) => Promise<Result>,
    msMax?: number,
  ) => Promise<Result>;
  /** Why the last write failed, such as `the disk is full`; `undefined` if it didn't fail because of the store. */
  readonly problem: () => string | undefined;
}

/** Runs a write that doesn't change the registry. */
export type Write = <Result>(work: (transaction: Transaction<Database>) => Promise<Result>) => Promise<Result>;

type WritingEngine = Pick<Engine, "begin" | "isLocked" | "problemOf" | "knowsOutcome" | "writeMsMax">;

/** The deadline has passed. Its message says what took the time. */
class Overdue extends Error {
  override readonly name = "Overdue";
}

export function createWriter(
  { changes }: Pick<Connections, "changes">,
  { begin, isLocked, problemOf, knowsOutcome, writeMsMax = WRITE_MS_MAX }: WritingEngine,
): Writer {
  // Writes have a deadline instead of a bound on how many wait.
  const queue = createFairQueue({ runningMax: 1, waitingMax: Number.POSITIVE_INFINITY });
  /** Did another process hold the lock at the last attempt? */
  let isLockedOut = false;
  let lastProblem: string | undefined;

  function overdue(msMax: number): Overdue {
    const seconds = msMax / 1000;
    return new Overdue(
      isLockedOut
        ? `another process has held its write lock for ${seconds} s`
        : `it, or the writes before this one, took over ${seconds} s`,
    );
  }

  return {
    problem: () => lastProblem,

    async write(connections, work, msMax = writeMsMax) {
      const deadline = startDeadline(msMax, () => overdue(msMax));
      let isCommitting = false;

      async function attempt() {
        for (;;) {
          if (deadline.isOver()) throw overdue(msMax);
          let hasBegun = false;
          try {
            return await begin(connections).execute(async (transaction) => {
              hasBegun = true;
              isLockedOut = false;
              const result = await work(transaction);
              deadline.beginCommit();
              isCommitting = true;
              return result;
            });
          } catch (error) {
            if (hasBegun || !isLocked(error)) throw error;
            isLockedOut = true;
            await setTimeout(LOCK_RETRY_MS);
          }
        }
      }

      try {
        // Changes share one connection. On SQLite all writes do, and both members are the same object.
        const result = await deadline.race(connections === changes ? queue.run("", attempt) : attempt());
        lastProblem = undefined;
        return result;
      } catch (error) {
        const problem = error instanceof Overdue ? error.message : problemOf(error);
        if (problem === undefined) throw error;
        lastProblem = problem;
        const outcome = isCommitting && !knowsOutcome ? OUTCOME_UNKNOWN : NOTHING_CHANGED;
        throw storeUnavailable("written", problem, { cause: error, outcome });
      }
    },
  };
}

/**
 * Wraps a store: if its methods, or those of its repositories, fail because of the store itself, they reject with a refusal that
 * names the problem.
 *
 * @param problemOf as in {@link Engine}
 */
export function withNamedProblems<Target extends object>(store: Target, problemOf: Engine["problemOf"]): Target {
  const named = (member: unknown, name: string): unknown => {
    if (typeof member === "object" && member !== null)
      return mapMembers(member, (each, own) => named(each, `${name}.${own}`));
    if (typeof member !== "function") return member;
    const method = member as (...parameters: unknown[]) => unknown;
    return (...parameters: unknown[]) => {
      const result = method(...parameters);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        const problem = problemOf(error);
        if (problem === undefined) throw error;
        throw storeUnavailable(name === "usage.record" ? "written" : "read", problem, { cause: error });
      });
    };
  };
  return mapMembers(store, named) as Target;
}

function mapMembers(object: object, map: (member: unknown, name: string) => unknown): object {
  return Object.fromEntries(Object.entries(object).map(([name, member]) => [name, map(member, name)]));
}
