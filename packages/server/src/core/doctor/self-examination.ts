import type { Clock } from "../surroundings.ts";
import type { Report } from "./run-checks.ts";

/** How long a report answers further requests, in milliseconds. */
const FRESH_MS = 10_000;

/** A report, and when its examination began. */
export interface Examined {
  readonly atMs: number;
  readonly report: Report;
}

/** Examines the running service. One examination runs at a time, whatever the number of callers. */
export type SelfExamination = () => Promise<Examined>;

/** @param examine runs the checks */
export function createSelfExamination(
  examine: () => Promise<Report>,
  clock: Pick<Clock, "wallMs" | "monotonicMs">,
): SelfExamination {
  let latest: { readonly begunMs: number; readonly examined: Promise<Examined> } | undefined;
  let isRunning = false;

  async function run(): Promise<Examined> {
    isRunning = true;
    try {
      const atMs = clock.wallMs();
      return { atMs, report: await examine() };
    } finally {
      isRunning = false;
    }
  }

  return () => {
    const nowMs = clock.monotonicMs();
    if (latest === undefined || (!isRunning && nowMs - latest.begunMs >= FRESH_MS)) {
      const examined = run();
      latest = { begunMs: nowMs, examined };
      // A failed examination answers its callers, and nobody after them.
      examined.catch(() => {
        latest = undefined;
      });
    }
    return latest.examined;
  };
}
