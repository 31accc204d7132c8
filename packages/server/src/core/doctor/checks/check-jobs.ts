import type { LiveNode } from "../../signing-keys/store.ts";
import { type Observation, observe, type Problem } from "../finding.ts";

const DAY_MS = 86_400_000;

/** A job is never overdue before this, in milliseconds: another node takes over from one that stopped after a minute. */
const OVERDUE_MS_MIN = 900_000;

/** The jobs of a node, with the time from the end of a run to the next one. */
export const JOB_INTERVALS: readonly Pick<JobFacts, "name" | "intervalMs">[] = [
  { name: "key-expiry-reminders", intervalMs: 60_000 },
  { name: "unused-keys", intervalMs: DAY_MS },
  { name: "key-audit", intervalMs: DAY_MS },
  { name: "shared-primes", intervalMs: DAY_MS },
];

/** A job with the time of its last complete run, in milliseconds since the epoch; `null` if never. */
export interface JobFacts {
  readonly name: string;
  readonly intervalMs: number;
  readonly ranAtMs: number | null;
  /** Does a node run it now? */
  readonly isHeld: boolean;
}

/** Looks for jobs that should have run by now. A job that no node could run isn't overdue. */
export function checkJobs(
  jobs: readonly JobFacts[],
  nodes: readonly Pick<LiveNode, "startedAtMs">[],
  nowMs: number,
): Observation {
  const servedSinceMs = Math.min(...nodes.map(({ startedAtMs }) => startedAtMs));
  return observe(
    nodes.length === 0 ? "No node serves, so no job runs." : `All ${jobs.length} jobs run on time.`,
    ...jobs.flatMap(({ name, intervalMs, ranAtMs, isHeld }): Problem[] => {
      const dueSinceMs = Math.max(ranAtMs ?? 0, servedSinceMs);
      if (isHeld || nodes.length === 0 || nowMs - dueSinceMs <= Math.max(3 * intervalMs, OVERDUE_MS_MIN)) return [];
      const last =
        ranAtMs === null ? "has never completed a run" : `completed its last run ${new Date(ranAtMs).toISOString()}`;
      return [{ code: "job_overdue", found: `The job ${name} ${last}.` }];
    }),
  );
}
