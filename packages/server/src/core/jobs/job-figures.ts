import { readAtMostEvery } from "../read-at-most-every.ts";
import type { Job } from "./job-runner.ts";
import type { JobStore } from "./store.ts";

/** When a job ran, for metrics. */
export interface JobFigure {
  readonly name: string;
  /** The time from the end of a complete run to the next one, in milliseconds. */
  readonly intervalMs: number;
  /** When a run was last completed on any node, in milliseconds since the epoch; `null` if never. */
  readonly ranAtMs: number | null;
}

/** How long figures are good for, in milliseconds. */
const FIGURES_FRESH_MS = 60_000;

/** The figures of jobs: read from the store at most once a minute. `undefined` if the store can't be read. */
export function createJobFigures(
  store: Pick<JobStore, "find">,
  jobs: readonly Pick<Job, "name" | "intervalMs">[],
  clock: { monotonicMs(): number },
): () => Promise<readonly JobFigure[] | undefined> {
  return readAtMostEvery(FIGURES_FRESH_MS, clock, () =>
    Promise.all(
      jobs.map(async ({ name, intervalMs }) => {
        const { ranAtMs } = await store.find(name);
        return { name, intervalMs, ranAtMs };
      }),
    ),
  );
}
