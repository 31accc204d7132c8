import { hash } from "node:crypto";
import type { ChangeHistory, Currency } from "./change-history.ts";
import { INACTIVE, type Verdict } from "./caller.ts";
import { type Clock, type Moment, momentOf, pause } from "./clock.ts";
import type { Answer, Introspect } from "./introspect.ts";
import { isTokenForm } from "./parse-authorization.ts";
import type { VerdictCache } from "./verdict-cache.ts";

/** Decides about one token. Never rejects. */
export type FindVerdict = (token: string) => Promise<Verdict>;

export interface VerdictDependencies {
  readonly introspect: Introspect;
  /** Has the feed reported every change that was acknowledged up to a moment ago? */
  readonly isInSync: () => boolean;
  readonly history: ChangeHistory;
  readonly cache: VerdictCache;
  readonly clock: Clock;
  /** Counts the questions that were asked and the verdicts that needed none. */
  readonly figures: { asked: number; remembered: number };
}

/** How often one request asks before it gives up, waiting included. */
const TURNS_MAX = 6;

/**
 * How long to wait before asking again after the service told what a change had overtaken, in milliseconds times the turn. A
 * node that lags behind the others does so for 100 ms at most, or doesn't answer.
 */
const OVERTAKEN_PAUSE_MS = 25;

/** An answer that says whether the token is good. */
type Decision = Exclude<Answer, { kind: "undecided" }>;

/** A question under way. */
interface Question {
  /** Its place in the order of requests and questions. */
  readonly number: number;
  readonly epoch: number;
  readonly answer: Promise<Answer>;
}

/**
 * Verdicts from the cache while the feed is in sync, and otherwise from the service, with one question under way per token.
 *
 * A question that was asked after a request began is good for that request. One that was asked before it may have been
 * answered from before a change that was acknowledged meanwhile: the request waits for its end, and then finds the answer in
 * the cache, if that is certain to hold now, or asks anew, together with all who waited.
 */
export function createFindVerdict(dependencies: VerdictDependencies): FindVerdict {
  const { introspect, isInSync, history, cache, clock, figures } = dependencies;
  const questions = new Map<string, Question>();
  let lastNumber = 0;

  function ask(digest: string, token: string): Question {
    const { epoch } = history;
    const sentAt = momentOf(clock);
    figures.asked++;
    const answer = introspect(token).then((answer) => {
      if (questions.get(digest) === question) questions.delete(digest);
      keep(digest, answer, epoch, sentAt);
      return answer;
    });
    const question: Question = { number: ++lastNumber, epoch, answer };
    questions.set(digest, question);
    return question;
  }

  function keep(digest: string, answer: Answer, epoch: number, sentAt: Moment): void {
    if (answer.kind === "undecided" || !isInSync() || judgeCurrency(answer, epoch) !== "current") return;
    const mark = { epoch, position: answer.position };
    if (answer.kind === "inactive") cache.keepInactive(digest, mark);
    else cache.keepActive(digest, answer.grant, mark, lifeOf(answer, clock.wallMs()), sentAt);
  }

  function judgeCurrency(answer: Decision, epoch: number): Currency {
    const mark = { epoch, position: answer.position };
    return answer.kind === "active" ? history.judgeActive(answer.grant.subject, mark) : history.judgeInactive(mark);
  }

  async function decide(digest: string, token: string): Promise<Verdict> {
    const arrival = ++lastNumber;
    for (let turn = 1; turn <= TURNS_MAX; turn++) {
      const remembered = isInSync() ? cache.find(digest) : undefined;
      if (remembered !== undefined) return remembered;
      const question = questions.get(digest) ?? ask(digest, token);
      const answer = await question.answer;
      if (answer.kind === "undecided") return { outcome: "undecided", retryAfterSeconds: answer.retryAfterSeconds };
      const currency = judgeCurrency(answer, question.epoch);
      if (currency === "overtaken") {
        if (turn < TURNS_MAX) await pause(clock, OVERTAKEN_PAUSE_MS * turn);
      } else if (question.number > arrival) {
        return answer.kind === "inactive" ? cache.inactiveVerdict(digest) : verdictOf(answer, clock.wallMs());
      }
    }
    return { outcome: "undecided", retryAfterSeconds: 1 };
  }

  return (token) => {
    if (!isTokenForm(token)) return Promise.resolve(INACTIVE);
    // Digests: what is cached for hours is of no use to an attacker who reads this process's memory.
    const digest = hash("sha256", token, "base64url");
    const remembered = isInSync() ? cache.find(digest) : undefined;
    if (remembered === undefined) return decide(digest, token);
    figures.remembered++;
    return Promise.resolve(remembered);
  };
}

/**
 * The verdict of an answer that just came. Whether a token has ended is by the service's clock, as in its own check; by this
 * machine's where the service doesn't say what time it is. At equality it has.
 */
function verdictOf(answer: Extract<Answer, { kind: "active" }>, wallMs: number): Verdict {
  const { auth } = answer.grant;
  return auth.expiresAt * 1000 > (answer.serviceWallMs ?? wallMs) ? { outcome: "active", auth } : INACTIVE;
}

/**
 * For how long an answer may be kept, in milliseconds from when it was asked for. Both clocks have to agree that the token
 * lives, since either may be wrong; who is kept from a token's last second by that asks the service, which knows.
 */
function lifeOf(answer: Extract<Answer, { kind: "active" }>, wallMs: number): number {
  const endsAtMs = answer.grant.auth.expiresAt * 1000;
  // `Date` is rounded down by up to a second.
  const serviceWallMs = answer.serviceWallMs === undefined ? wallMs : answer.serviceWallMs + 1000;
  return endsAtMs - Math.max(wallMs, serviceWallMs);
}
