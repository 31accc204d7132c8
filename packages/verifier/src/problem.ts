import type { Clock } from "./clock.ts";

/**
 * What keeps the verifier from working, for a log or an alert.
 *
 * - `feed_unreachable`, `introspection_unreachable`: no connection, or it broke.
 * - `feed_silent`: the stream has stopped confirming that it is in sync.
 * - `introspection_timeout`: no answer in time.
 * - `feed_refused`, `introspection_refused`: the service answered with another status than 200, such as 401 for credentials
 *   that are wrong or switched off.
 * - `feed_unexpected`, `introspection_unexpected`: an answer that isn't this service's, such as a proxy's page.
 */
export type ProblemCode =
  | "feed_unreachable"
  | "feed_silent"
  | "feed_refused"
  | "feed_unexpected"
  | "introspection_unreachable"
  | "introspection_timeout"
  | "introspection_refused"
  | "introspection_unexpected";

/** It can be logged as it is: it holds no secret, no token, and nothing from the network but an HTTP status. */
export interface Problem {
  readonly code: ProblemCode;
  /** One sentence that an operator can act on. */
  readonly message: string;
  /** The HTTP status, where there was an answer. */
  readonly status?: number;
}

export type ReportProblem = (problem: Problem) => void;

/** A problem is reported once within this time, because in an outage every request meets it. */
const REPEATED_AFTER_MS = 5000;

/** Passes problems on, each code at most every {@link REPEATED_AFTER_MS}. What the listener throws is ignored. */
export function createReporter(listener: ReportProblem | undefined, clock: Clock): ReportProblem {
  const reportedAtMs = new Map<ProblemCode, number>();
  return (problem) => {
    const nowMs = clock.monotonicMs();
    const lastMs = reportedAtMs.get(problem.code);
    if (listener === undefined || (lastMs !== undefined && nowMs - lastMs < REPEATED_AFTER_MS)) return;
    reportedAtMs.set(problem.code, nowMs);
    try {
      listener(problem);
    } catch {
      // A broken log must not decide about requests.
    }
  };
}

/**
 * The system's name for why a `fetch` failed, such as `ECONNREFUSED`. Never its message: that may quote what the other side
 * sent.
 */
export function failureName(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? code : "no connection";
}
