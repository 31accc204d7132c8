import { CHANGES_PATH, FEED_STALE_MS, FEED_SYNC_MS } from "@countersign/protocol";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { ChangeHistory } from "./change-history.ts";
import { type Clock, type Moment, momentOf } from "./clock.ts";
import { parseChange } from "./parse-change.ts";
import { parseEventId, parseJsonObject } from "./parse-json.ts";
import type { Service } from "./parse-options.ts";
import { failureName, type Problem, type ReportProblem } from "./problem.ts";
import { chunksOf, discardBody, retryAfterSeconds } from "./read-body.ts";

/** The service's change feed. It stays connected until it is closed. */
export interface ChangeFeed {
  /**
   * Did the service say, not longer than {@link FEED_STALE_MS} ago, that everything up to then was told? The answer is by the
   * clock at this very moment, so that a process that was stopped doesn't wake with an old yes.
   */
  isInSync(): boolean;
  /** Resolves with true once it is in sync, with false where it isn't within so many milliseconds, or is closed first. */
  whenInSync(withinMs: number): Promise<boolean>;
  close(): void;
}

export interface FeedDependencies {
  readonly service: Service;
  readonly history: ChangeHistory;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: ReportProblem;
}

/** Most characters of one event. A real one has about 150. */
const EVENT_CHARACTERS_MAX = 65_536;

/** After a connection that lasted this long, in milliseconds, the next is tried at once. */
const STEADY_MS = 5000;

/** The first retry comes within this time, in milliseconds. No changes arrive until it succeeds. */
const FIRST_RETRY_MS = 100;

/** Bounds of further retries, in milliseconds; each waits twice as long as the one before. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 5000;

/** The same where the service refuses: an operator has to act first, and every refusal counts towards its limit. */
const REFUSED_RETRY_MS_MIN = 2000;
const REFUSED_RETRY_MS_MAX = 30_000;

/** The longest wait that a `Retry-After` may ask for, in seconds. */
const RETRY_AFTER_SECONDS_MAX = 60;

/** By how much the estimate of a `sync`'s age may grow, in milliseconds, before a new connection gives a better one. */
const AGE_GROWTH_MS_MAX = 1000;

/** Why a connection ended. */
type Ending =
  /** A new one gives a better idea of how old a `sync` is. */
  | { readonly reason: "renewal" }
  | { readonly reason: "lost"; readonly problem: Problem }
  /** Something in it made no sense. */
  | { readonly reason: "garbled"; readonly problem: Problem }
  | { readonly reason: "refused"; readonly problem: Problem; readonly retryAfterMs: number };

const SILENT: Ending = {
  reason: "lost",
  problem: { code: "feed_silent", message: `The change feed hasn't said for ${FEED_STALE_MS} ms that it is in sync.` },
};

/** Connects to the feed. It reconnects by itself, and resumes where it was. */
export function openChangeFeed({ service, history, clock, random, report }: FeedDependencies): ChangeFeed {
  /** Everything that had been acknowledged by this time was heard; on the monotonic clock. */
  let confirmedAtMs = -Infinity;
  /** The same on the wall clock: the monotonic one stands still while a machine sleeps. */
  let confirmedWallMs = -Infinity;
  /** The whole id of the last event that was heard, to resume after. */
  let lastEventId: string | undefined;
  let isClosed = false;
  let stopWaiting = () => {};
  let hangUp = () => {};
  const waiters = new Set<(isInSync: boolean) => void>();

  const isInSync = () =>
    !isClosed &&
    clock.monotonicMs() - confirmedAtMs <= FEED_STALE_MS &&
    // A clock that is set ahead costs a few questions, until the next sync.
    clock.wallMs() - confirmedWallMs <= FEED_STALE_MS;

  function settleWaiters(): void {
    for (const settle of waiters) settle(isInSync());
  }

  function unconfirm(): void {
    confirmedAtMs = -Infinity;
  }

  async function tail(): Promise<void> {
    let failures = 0;
    for (;;) {
      const startedAt = momentOf(clock);
      const ending = await listen(startedAt);
      if (isClosed) return;
      if (ending.reason === "renewal") continue;
      report(ending.problem);
      // What made no sense may have been a change.
      if (ending.reason === "garbled") {
        history.forget();
        unconfirm();
      }
      if (clock.monotonicMs() - startedAt.monotonicMs >= STEADY_MS) failures = 0;
      await wait(retryDelayMs(ending, failures++, random()));
      if (isClosed) return;
    }
  }

  function wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(ms, resolve);
      stopWaiting = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Hears one connection to its end. Never rejects. */
  async function listen(startedAt: Moment): Promise<Ending> {
    const controller = new AbortController();
    /** Why this side ended the connection; that `fetch` throws then only follows from it. */
    let why: Ending | undefined;
    const end = (ending: Ending) => {
      why ??= ending;
      controller.abort();
    };
    hangUp = () => controller.abort();
    let cancelWatch = clock.after(FEED_STALE_MS, () => end(SILENT));
    const age = createAgeEstimate(startedAt.monotonicMs);
    // The same by the wall clock: a sync may also have waited for the end of this machine's sleep.
    const wallAge = createAgeEstimate(startedAt.wallMs);

    /** The event before the next one; none where the stream begins anew. */
    let precedingId = history.position === undefined ? undefined : lastEventId;

    function hear({ event, id, data }: EventSourceMessage): void {
      // The rest of a chunk, after something in it ended the connection.
      if (controller.signal.aborted) return;
      const position = parseEventId(id);
      if (position === undefined) {
        end({ reason: "garbled", problem: unexpected("has an event without a position") });
        return;
      }
      if (event !== "reset" && !follows(data, precedingId)) {
        end({ reason: "garbled", problem: unexpected("left out an event") });
        return;
      }
      lastEventId = id;
      precedingId = id;
      if (event === "sync") {
        history.hearSync(position);
        const now = momentOf(clock);
        confirmedAtMs = Math.max(confirmedAtMs, age.sentAtLeast(now.monotonicMs));
        confirmedWallMs = wallAge.sentAtLeast(now.wallMs);
        cancelWatch();
        cancelWatch = clock.after(FEED_STALE_MS, () => end(SILENT));
        settleWaiters();
        if (age.hasGrown(now.monotonicMs) || wallAge.hasGrown(now.wallMs)) end({ reason: "renewal" });
      } else if (event === "reset") {
        history.hearReset(position);
        unconfirm();
      } else {
        // An event of another name is a change of which this version doesn't know what it concerns.
        history.hearChange(position, parseChange(event === "change" ? data : ""));
      }
    }

    try {
      const response = await service.fetch(service.baseUrl + CHANGES_PATH, {
        headers: {
          authorization: service.authorization,
          accept: "text/event-stream",
          // A proxy that compresses the stream may also hold it back.
          "accept-encoding": "identity",
          "cache-control": "no-cache",
          ...(precedingId === undefined ? {} : { "last-event-id": precedingId }),
        },
        // The credentials are for this address only.
        redirect: "manual",
        signal: controller.signal,
      });
      if (response.status !== 200) {
        discardBody(response);
        return refused(response);
      }
      const { body } = response;
      if (!/^text\/event-stream *(;|$)/i.test(response.headers.get("content-type") ?? "") || body === null) {
        discardBody(response);
        return { reason: "lost", problem: unexpected("isn't an event stream") };
      }
      const parser = createParser({
        onEvent: hear,
        maxBufferSize: EVENT_CHARACTERS_MAX,
        onError(error) {
          if (error.type === "max-buffer-size-exceeded")
            end({ reason: "garbled", problem: unexpected("has an event without an end") });
        },
      });
      const decoder = new TextDecoder();
      for await (const chunk of chunksOf(body)) {
        parser.feed(decoder.decode(chunk, { stream: true }));
        if (controller.signal.aborted) break;
      }
      return why ?? lost("ended");
    } catch (error) {
      return why ?? lost(failureName(error));
    } finally {
      cancelWatch();
      controller.abort();
    }
  }

  void tail();

  return {
    isInSync,
    whenInSync(withinMs) {
      if (isInSync() || isClosed) return Promise.resolve(!isClosed);
      return new Promise((resolve) => {
        const settle = (value: boolean) => {
          waiters.delete(settle);
          cancel();
          resolve(value);
        };
        const cancel = clock.after(withinMs, () => settle(isInSync()), true);
        waiters.add(settle);
      });
    },
    close() {
      isClosed = true;
      hangUp();
      stopWaiting();
      settleWaiters();
    },
  };
}

/** Does an event with this data come right after that one? A service of an earlier version doesn't say. */
function follows(data: string, precedingId: string | undefined): boolean {
  const previous = parseJsonObject(data)?.["previous"];
  return previous === undefined || previous === (precedingId ?? null);
}

/**
 * How old is a `sync` that just came? It may have lain in a buffer, of a proxy or of this very machine while the process was
 * stopped. The service sends none before the stream is requested. The second may follow the first at once, and each further one a
 * second after the last: that bounds when each was sent, from below.
 */
function createAgeEstimate(askedAtMs: number) {
  let syncs = 0;
  let sentAtLeastMs = askedAtMs;
  let firstAgeMs = 0;
  return {
    /** When the `sync` that came now was sent at the earliest. */
    sentAtLeast(nowMs: number): number {
      syncs++;
      // Never later than now, where the clock was set back.
      sentAtLeastMs = Math.min(nowMs, syncs > 2 ? sentAtLeastMs + FEED_SYNC_MS : askedAtMs);
      if (syncs <= 2) firstAgeMs = nowMs - sentAtLeastMs;
      return sentAtLeastMs;
    },
    /** The estimate grows with each `sync` that comes a little late, until it says too little to be of use. */
    hasGrown: (nowMs: number) => nowMs - sentAtLeastMs - firstAgeMs > AGE_GROWTH_MS_MAX,
  };
}

function lost(why: string): Ending {
  return { reason: "lost", problem: { code: "feed_unreachable", message: `The change feed can't be heard (${why}).` } };
}

function unexpected(what: string): Problem {
  return { code: "feed_unexpected", message: `What answered at the address of the change feed ${what}.` };
}

function refused(response: Response): Ending {
  const { status } = response;
  const hint = status === 401 ? ": check clientId and clientSecret, and whether the resource server is active" : "";
  return {
    reason: "refused",
    problem: { code: "feed_refused", message: `The change feed answered with status ${status}${hint}.`, status },
    retryAfterMs: (retryAfterSeconds(response, RETRY_AFTER_SECONDS_MAX) ?? 0) * 1000,
  };
}

/**
 * How long to wait before the next try, in milliseconds. Spread at random, so that the verifiers of a service that comes back
 * don't all come at once.
 *
 * @param failures tries that failed since the last good connection
 * @param random from 0 to below 1
 */
export function retryDelayMs(ending: Extract<Ending, { problem: Problem }>, failures: number, random: number): number {
  const spread = (ms: number) => ms / 2 + (random * ms) / 2;
  if (ending.reason === "refused") {
    const ms = spread(Math.min(REFUSED_RETRY_MS_MAX, REFUSED_RETRY_MS_MIN * 2 ** failures));
    return Math.max(ms, ending.retryAfterMs);
  }
  if (failures === 0) return random * FIRST_RETRY_MS;
  return spread(Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1)));
}
