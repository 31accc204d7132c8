/**
 * Decides which answers were wrong, afterwards, from the clients' records and the times at which changes were
 * acknowledged.
 */
import { readFileSync } from "node:fs";
import { monotonicMs } from "./companion.ts";
import type { Switch } from "./story-administration.ts";

/**
 * A change has to take effect everywhere within so many milliseconds of its acknowledgement (docs/wire.md, Revocation).
 */
export const HOLDS_WITHIN_MS = 100;

/**
 * Where verdicts come from: two endpoints of the server, and two APIs, one of which gets the service's answers late.
 */
export const VERDICT_SOURCES = ["check", "introspection", "verifier", "far verifier"] as const;
export type VerdictSource = (typeof VERDICT_SOURCES)[number];

/** The outcome of a request. */
export const OUTCOMES = ["yes", "no", "undecided", "wrong key", "unexpected"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** All requests, a column for each property. */
export interface Asked {
  /** In {@link monotonicMs}: before the request's first byte was written, and after its answer's last byte was read. */
  readonly startedAtMs: Float64Array;
  readonly endedAtMs: Float64Array;
  /** Indexes in {@link VERDICT_SOURCES}, in the list of tokens, and in {@link OUTCOMES}. */
  readonly source: Uint8Array;
  readonly token: Uint8Array;
  readonly outcome: Uint8Array;
}

/** The judged answers of one source. */
export interface SourceFigures {
  readonly source: VerdictSource;
  readonly requests: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly mustBeNo: Answers;
  readonly mustBeYes: Answers;
}

/** Answers that had to be a no, or had to be a yes. An undecided answer is neither right nor wrong. */
export interface Answers {
  /**
   * Answers whose request began more than {@link HOLDS_WITHIN_MS} after the key's last change was acknowledged, and
   * ended before the next one.
   */
  readonly judged: number;
  /** Judged answers that said the opposite. */
  readonly wrong: number;
  /**
   * Wrong answers whose delay exceeds {@link HOLDS_WITHIN_MS} even without the time for which their node was starved.
   */
  readonly wrongInSync: number;
  /**
   * How long after the acknowledgement the last request began that was answered with the opposite, judged or not, in
   * milliseconds, and for how much of that time its node was starved. 0 where there is none.
   */
  readonly latestMs: number;
  readonly starvedMs: number;
}

/**
 * @param switches of all keys, in any order; of each key one from before the first request
 * @param starvedMs how long the processes behind a source waited for a processor between two times
 */
export function judge(
  asked: Asked,
  tokens: readonly { readonly keyId: number }[],
  switches: readonly Switch[],
  starvedMs: (source: VerdictSource, fromMs: number, toMs: number) => number,
): SourceFigures[] {
  const histories = tokens.map((token) =>
    switches.filter(({ keyId }) => keyId === token.keyId).toSorted((a, b) => a.begunAtMs - b.begunAtMs),
  );
  const figures = VERDICT_SOURCES.map((source) => ({
    source,
    requests: 0,
    outcomes: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>,
    mustBeNo: { judged: 0, wrong: 0, wrongInSync: 0, latestMs: 0, starvedMs: 0 },
    mustBeYes: { judged: 0, wrong: 0, wrongInSync: 0, latestMs: 0, starvedMs: 0 },
  }));
  for (const [at, startedAtMs] of asked.startedAtMs.entries()) {
    const endedAtMs = asked.endedAtMs[at] ?? NaN;
    const ofSource = figures[asked.source[at] ?? NaN];
    const outcome = OUTCOMES[asked.outcome[at] ?? NaN];
    const history = histories[asked.token[at] ?? NaN] ?? [];
    const last = history.findLastIndex(({ acknowledgedAtMs }) => acknowledgedAtMs < startedAtMs);
    const before = history[last];
    if (ofSource === undefined || outcome === undefined || before === undefined) throw new Error(`request ${at}`);
    ofSource.requests++;
    ofSource.outcomes[outcome]++;
    // While a change is under way, either answer is right.
    if (endedAtMs >= (history[last + 1]?.begunAtMs ?? Infinity)) continue;
    const lateMs = startedAtMs - before.acknowledgedAtMs;
    const isLate = lateMs > HOLDS_WITHIN_MS;
    const answers = before.standing === "active" ? ofSource.mustBeYes : ofSource.mustBeNo;
    if (isLate) answers.judged++;
    if (outcome !== (before.standing === "active" ? "no" : "yes")) continue;
    // Two processes behind one source may have been starved at the same time.
    const ownMs = () => Math.max(0, lateMs - starvedMs(ofSource.source, before.acknowledgedAtMs, endedAtMs));
    if (isLate) answers.wrong++;
    if (isLate && ownMs() > HOLDS_WITHIN_MS) answers.wrongInSync++;
    if (lateMs > answers.latestMs) {
      answers.latestMs = lateMs;
      answers.starvedMs = lateMs - ownMs();
    }
  }
  return figures;
}

/**
 * Records for how long a process was starved: its main thread had work to do, and other processes had the processors.
 */
export interface StarvationWatch {
  note(): void;
  /**
   * How long it was starved between two times, in milliseconds; rather too much, since the nearest records are outside
   * of them. 0 if the system doesn't report it.
   */
  betweenMs(fromMs: number, toMs: number): number;
}

export function watchStarvation(pid: number): StarvationWatch {
  const notes: { readonly atMs: number; readonly starvedMs: number }[] = [];
  return {
    note() {
      notes.push({ atMs: monotonicMs(), starvedMs: readStarvedMs(pid) });
    },
    betweenMs(fromMs, toMs) {
      const before = notes.findLast(({ atMs }) => atMs <= fromMs) ?? notes.at(0);
      const behind = notes.find(({ atMs }) => atMs >= toMs) ?? notes.at(-1);
      return (behind?.starvedMs ?? 0) - (before?.starvedMs ?? 0);
    },
  };
}

/** Since the process began. Linux only (docs.kernel.org/scheduler/sched-stats.html): the second figure, in nanoseconds. */
function readStarvedMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}
