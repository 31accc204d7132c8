import { CHECKS, type CheckName, type Severity } from "./catalogue.ts";
import { type Finding, findingsOf, type Observation, observe } from "./finding.ts";

/** One check with its ports bound. */
export interface Check {
  readonly name: CheckName;
  /** Whether it occupies the process, so that it has to run alone. Those run after all others. */
  readonly isHeavy?: true;
  run(): Promise<Observation>;
}

export interface RunOptions {
  /** How long the checks that run together may take in all. */
  readonly msMax: number;
  /** Waits; the signal ends the wait. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Removes secrets from a text that comes from elsewhere. */
  readonly redact: (text: string) => string;
}

/** The result of a run. */
export interface Report {
  /** The worst severity; `ok` also if there is nothing but `info`. */
  readonly status: Exclude<Severity, "info">;
  readonly counts: Readonly<Record<Severity, number>>;
  /** In the order of {@link CHECKS}; within a check, the worst first. */
  readonly findings: readonly Finding[];
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2, ok: 3 };

/**
 * Runs all checks, at the same time as far as they allow it. A check that throws or takes too long becomes a finding and doesn't
 * keep the others from running.
 */
export async function runChecks(checks: readonly Check[], options: RunOptions): Promise<Report> {
  const light = checks.filter(({ isHeavy }) => isHeavy !== true);
  const findings = await Promise.all(light.map((check) => runCheck(check, options)));
  for (const check of checks) if (check.isHeavy === true) findings.push(await runCheck(check, options));
  return reportOf(findings.flat());
}

async function runCheck(check: Check, { msMax, pause, redact }: RunOptions): Promise<readonly Finding[]> {
  const { name } = check;
  const timer = new AbortController();
  const timeout = pause(msMax, timer.signal).then(() =>
    observe("", {
      code: "check_timed_out",
      found: `The check of ${CHECKS[name].looksAt} took over ${msMax / 1000} s.`,
    }),
  );
  // A defect may throw before it returns a promise.
  const running = Promise.resolve()
    .then(() => check.run())
    .catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : "unknown reason";
      return observe("", { code: "check_failed", found: `The check of ${CHECKS[name].looksAt} failed: ${reason}` });
    });
  const observation = await Promise.race([running, timeout]);
  timer.abort();
  return findingsOf(name, {
    ...observation,
    seen: redact(observation.seen),
    problems: observation.problems.map((problem) => ({ ...problem, found: redact(problem.found) })),
  });
}

/** Orders findings, counts them, and names the worst severity. */
export function reportOf(findings: readonly Finding[]): Report {
  const order = Object.keys(CHECKS);
  const counts = { ok: 0, info: 0, warning: 0, error: 0 };
  for (const { severity } of findings) counts[severity]++;
  return {
    status: counts.error > 0 ? "error" : counts.warning > 0 ? "warning" : "ok",
    counts,
    findings: findings.toSorted(
      (a, b) => order.indexOf(a.check) - order.indexOf(b.check) || RANK[a.severity] - RANK[b.severity],
    ),
  };
}

/** A report as JSON, for the admin API and `--json`. */
export function reportJson({ status, counts, findings }: Report) {
  return {
    status,
    counts,
    findings: findings.map(({ check, code, severity, lookedAt, found, fix, docs }) => ({
      check,
      title: CHECKS[check].title,
      code,
      severity,
      looked_at: lookedAt,
      found,
      fix,
      docs,
    })),
  };
}
