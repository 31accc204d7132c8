import { createJobFigures } from "../core/jobs/job-figures.ts";
import { createJobRunner, type Job } from "../core/jobs/job-runner.ts";
import { repeat, type Repeating } from "../platform/repeat.ts";
import type { Node } from "./node.ts";

/** How often a node looks whether a job is due, in milliseconds. */
const JOB_LOOK_MS = 10_000;

/**
 * Runs the jobs that one node at a time does, each by itself. A job that fails is reported and tried again. Stopping waits for a
 * job's current step only.
 *
 * @param holder the id of this process
 */
export function startJobs(
  { store, clock, log, metrics }: Pick<Node, "store" | "clock" | "log" | "metrics">,
  holder: string,
  jobs: readonly Job[],
): Repeating {
  metrics.watchJobs(createJobFigures(store.jobs, jobs, clock));
  const started = jobs.map((job) => {
    const runner = createJobRunner({ store, clock, holder }, job);
    const running = repeat(
      JOB_LOOK_MS,
      () => runner.runIfDue(),
      (error) => {
        log.warn({ err: error, job: job.name }, "a background job failed; the next try follows");
      },
    );
    return { runner, running };
  });
  return {
    async stop() {
      for (const { runner } of started) runner.stop();
      await Promise.all(started.map(({ running }) => running.stop()));
    },
  };
}
