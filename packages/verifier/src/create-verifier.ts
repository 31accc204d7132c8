import { type Admission, createAdmit, type RequestFacts } from "./admit.ts";
import type { Verdict } from "./caller.ts";
import { openChangeFeed } from "./change-feed.ts";
import { createChangeHistory } from "./change-history.ts";
import { createIntrospect } from "./introspect.ts";
import { parseOptions, type VerifierOptions } from "./parse-options.ts";
import { createReporter } from "./problem.ts";
import { createFindVerdict, type FindVerdict } from "./token-verdicts.ts";
import { createVerdictCache } from "./verdict-cache.ts";

/** How a verifier is doing. */
export interface VerifierStatus {
  /** Is the change feed heard, so that verdicts are remembered? While it isn't, each request asks the service. */
  readonly inSync: boolean;
  /** The last position of the feed that was heard; `undefined` before the first. */
  readonly feedPosition: number | undefined;
  /** Verdicts remembered now. Some of them may be overtaken; those are never used again. */
  readonly cached: number;
  /** Questions asked, and requests that needed none, since the start. */
  readonly asked: number;
  readonly remembered: number;
}

/** Checks the tokens of requests. One for a process is enough; it serves any number of servers. */
export interface Verifier {
  /** Is this token good, and whose is it? Never rejects. */
  verify(token: string): Promise<Verdict>;
  /** May this request go on? What the middlewares call; for whatever they don't cover. Never rejects. */
  admit(request: RequestFacts): Promise<Admission>;
  /**
   * Resolves with true once the change feed is in sync, and with false where it isn't within so many milliseconds, 5000 unless
   * given. There is no need to wait: until then each request asks the service.
   */
  ready(withinMs?: number): Promise<boolean>;
  status(): VerifierStatus;
  /** Ends the change feed, which keeps the process up. From then on nothing is decided: requests get 503. */
  close(): void;
}

/**
 * Connects to the change feed and returns at once. A service that can't be reached is no error here: until it can be,
 * requests are refused with 503.
 *
 * @throws {TypeError} where an option has a value that can't be
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { service, publicUrl, cacheMax, timeoutMs, onProblem, clock, random } = parseOptions(options);
  const report = createReporter(onProblem, clock);
  const history = createChangeHistory();
  const cache = createVerdictCache(cacheMax, history, clock);
  const feed = openChangeFeed({ service, history, clock, random, report });
  const introspect = createIntrospect(service, timeoutMs, clock, report);
  const figures = { asked: 0, remembered: 0 };
  const decide = createFindVerdict({ introspect, isInSync: () => feed.isInSync(), history, cache, clock, figures });
  let isClosed = false;
  const verify: FindVerdict = (token) =>
    isClosed ? Promise.resolve({ outcome: "undecided", retryAfterSeconds: 1 }) : decide(token);
  return {
    verify,
    admit: createAdmit(verify, publicUrl),
    ready: (withinMs = 5000) => feed.whenInSync(withinMs),
    status: () => ({ inSync: feed.isInSync(), feedPosition: history.position, cached: cache.size, ...figures }),
    close() {
      isClosed = true;
      feed.close();
    },
  };
}
