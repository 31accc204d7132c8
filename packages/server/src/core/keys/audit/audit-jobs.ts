import type { Job, JobLease } from "../../jobs/job-runner.ts";
import type { Clock, Pause } from "../../surroundings.ts";
import type { KeyId } from "../model.ts";
import { auditNextKeys, completeKeys, type KeyAuditDependencies, searchSharedPrimes } from "./audit-keys.ts";

const DAY_MS = 86_400_000;

/** The least pause after each step, in milliseconds. A longer step is followed by a pause of its own length: requests come first. */
const STEP_PAUSE_MS_MIN = 20;

/** The name of the job whose position is the key up to which all pairs of keys have been compared. */
export const SHARED_PRIME_JOB = "shared-primes";

export interface AuditJobDependencies extends KeyAuditDependencies {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly pause: Pause;
}

/** The daily audit of the stored keys. An interrupted run goes on after the last key that it recorded. */
export function createKeyAuditJob({ clock, pause, ...audit }: AuditJobDependencies): Job {
  return { name: "key-audit", intervalMs: DAY_MS, needsClock: false, run };

  async function run(lease: JobLease): Promise<null> {
    await completeKeys(audit, (tx) => lease.hold(tx));
    let after = (lease.position ?? 0) as KeyId;
    const rest = restAfterSteps(clock, pause, lease.signal);
    while (!lease.signal.aborted) {
      const { reached } = await auditNextKeys(audit, after, (tx, key) => lease.hold(tx, key));
      if (reached === undefined) break;
      after = reached;
      await lease.renew(reached);
      await rest();
    }
    return null;
  }
}

/**
 * The daily search for keys that share a prime. It compares the keys that were added since its last run with all others: a first run
 * over a large registry may take days, and goes on wherever it was interrupted.
 */
export function createSharedPrimeJob({ clock, pause, ...audit }: AuditJobDependencies): Job {
  return { name: SHARED_PRIME_JOB, intervalMs: DAY_MS, needsClock: false, run };

  async function run(lease: JobLease): Promise<number> {
    const { signal } = lease;
    let after = (lease.position ?? 0) as KeyId;
    const rest = restAfterSteps(clock, pause, signal);
    const onStep = async () => {
      await rest();
      signal.throwIfAborted();
      await lease.renew();
    };
    while (!signal.aborted) {
      const reached = await searchSharedPrimes(audit, after, onStep, (tx) => lease.hold(tx));
      if (reached === undefined) break;
      after = reached;
      await lease.renew(reached);
    }
    return after;
  }
}

/** A function to be called between steps. It pauses for as long as the last step took, so that a job takes half of a core at most. */
function restAfterSteps(clock: Pick<Clock, "monotonicMs">, pause: Pause, signal: AbortSignal): () => Promise<void> {
  let startedAtMs = clock.monotonicMs();
  return async () => {
    await pause(Math.max(clock.monotonicMs() - startedAtMs, STEP_PAUSE_MS_MIN), signal);
    startedAtMs = clock.monotonicMs();
  };
}
