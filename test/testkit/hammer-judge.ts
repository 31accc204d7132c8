/**
 * Decides which answers were wrong, afterwards, from the clients' records and the times at which changes were
 * acknowledged.
 */
import { HOLDS_MS, type KeyChange, truthFor } from "./truth.ts";

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
   * Answers whose request began more than {@link HOLDS_MS} after the key's last change was acknowledged, and
   * ended before the next one.
   */
  readonly judged: number;
  /** Judged answers that said the opposite. */
  readonly wrong: number;
  /**
   * Wrong answers whose delay exceeds {@link HOLDS_MS} even without the time for which their node was starved.
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
 * @param changes of all keys, in any order
 * @param starvedMs how long the processes behind a source waited for a processor between two times
 */
export function judge(
  asked: Asked,
  tokens: readonly { readonly keyId: number }[],
  changes: readonly KeyChange[],
  starvedMs: (source: VerdictSource, fromMs: number, toMs: number) => number,
): SourceFigures[] {
  const histories = tokens.map((token) =>
    changes.filter(({ keyId }) => keyId === token.keyId).toSorted((a, b) => a.beganMs - b.beganMs),
  );
  const figures = VERDICT_SOURCES.map((source) => ({
    source,
    requests: 0,
    outcomes: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>,
    mustBeNo: { judged: 0, wrong: 0, wrongInSync: 0, latestMs: 0, starvedMs: 0 },
    mustBeYes: { judged: 0, wrong: 0, wrongInSync: 0, latestMs: 0, starvedMs: 0 },
  }));
  for (const [at, beganMs] of asked.startedAtMs.entries()) {
    const endedMs = asked.endedAtMs[at] ?? NaN;
    const ofSource = figures[asked.source[at] ?? NaN];
    const outcome = OUTCOMES[asked.outcome[at] ?? NaN];
    if (ofSource === undefined || outcome === undefined) throw new Error(`request ${at}`);
    ofSource.requests++;
    ofSource.outcomes[outcome]++;
    const truth = truthFor(histories[asked.token[at] ?? NaN] ?? [], { beganMs, endedMs });
    if (truth === undefined) continue;
    const lateMs = beganMs - truth.sinceMs;
    const isLate = lateMs > HOLDS_MS;
    const answers = truth.standing === "active" ? ofSource.mustBeYes : ofSource.mustBeNo;
    if (isLate) answers.judged++;
    if (outcome !== (truth.standing === "active" ? "no" : "yes")) continue;
    // Two processes behind one source may have been starved at the same time.
    const ownMs = () => Math.max(0, lateMs - starvedMs(ofSource.source, truth.sinceMs, endedMs));
    if (isLate) answers.wrong++;
    if (isLate && ownMs() > HOLDS_MS) answers.wrongInSync++;
    if (lateMs > answers.latestMs) {
      answers.latestMs = lateMs;
      answers.starvedMs = lateMs - ownMs();
    }
  }
  return figures;
}
