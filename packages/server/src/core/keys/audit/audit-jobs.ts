import type { Job, JobLease } from "../../jobs/job-runner.ts";
import type { Pause } from "../../surroundings.ts";
import type { KeyId } from "../model.ts";
import { auditNextKeys, completeKeys, type KeyAuditDependencies, searchSharedPrimes } from "./audit-keys.ts";

const DAY_MS = 86_400_000;

/** The pause after each step, in milliseconds: requests come first. */
const STEP_PAUSE_MS = 20;

/** The name of the job whose position is the key up to which all pairs of keys have been compared. */
export const SHARED_PRIME_JOB = "shared-primes";

export interface AuditJobDependencies extends KeyAuditDependencies {
  readonly pause: Pause;
}

/** The daily audit of the stored keys. An interrupted run goes on after the last key that it recorded. */
export function createKeyAuditJob({ pause, ...audit }: AuditJobDependencies): Job {
  return { name: "key-audit", intervalMs: DAY_MS, needsClock: false, run };

  async function run(lease: JobLease): Promise<null> {
    await completeKeys(audit, (tx) => lease.hold(tx));
    let after = (lease.position ?? 0) as KeyId;
    while (!lease.signal.aborted) {
      const { reached } = await auditNextKeys(audit, after, (tx, key) => lease.hold(tx, key));
      if (reached === undefined) break;
      after = reached;
      await lease.renew(reached);
      await pause(STEP_PAUSE_MS, lease.signal);
    }
    return null;
  }
}

/**
 * The daily search for keys that share a prime. It compares the keys that were added since its last run with all others: a first run
 * over a large registry may take days, and goes on wherever it was interrupted.
 */
export function createSharedPrimeJob({ pause, ...audit }: AuditJobDependencies): Job {
  return { name: SHARED_PRIME_JOB, intervalMs: DAY_MS, needsClock: false, run };

  async function run(lease: JobLease): Promise<number> {
    const { signal } = lease;
    let after = (lease.position ?? 0) as KeyId;
    const onStep = async () => {
      signal.throwIfAborted();
      await lease.renew();
      await pause(STEP_PAUSE_MS, signal);
    };
    while (!signal.aborted) {
      const reached = await searchSharedPrimes(audit, after, onStep, (tx) => lease.hold(tx)).catch((error: unknown) => {
        if (signal.aborted) return undefined;
        throw error;
      });
      if (reached === undefined) break;
      after = reached;
      await lease.renew(reached);
    }
    return after;
  }
}
