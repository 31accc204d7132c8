import { LRUCache } from "lru-cache";
import type { ChangeHistory, Mark } from "./change-history.ts";
import { INACTIVE, type Verdict } from "./caller.ts";
import { type Clock, type Moment, momentOf } from "./clock.ts";
import type { Grant } from "./introspect.ts";

/**
 * Caches the service's answers about tokens, by their digests.
 *
 * It returns only what still holds: not past the token's end, and not overtaken by a change that the feed reported. The caller
 * checks first that the feed is in sync.
 */
export interface VerdictCache {
  find(digest: string): Verdict | undefined;
  /**
   * Remembers a good token.
   *
   * @param lifeMs for how long, in milliseconds from `since`, it is good for certain
   */
  keepActive(digest: string, grant: Grant, mark: Mark, lifeMs: number, since: Moment): void;
  keepInactive(digest: string, mark: Mark): void;
  /**
   * The verdict of a token that isn't good. It has a reason where the token was good before, hasn't ended by this machine's
   * clock, and the feed said what was switched off.
   */
  inactiveVerdict(digest: string): Verdict;
  readonly size: number;
}

/**
 * A verdict isn't kept longer than this, in milliseconds. It bounds the harm of a change that the feed failed to report.
 */
export const VERDICT_MS_MAX = 300_000;

/** How long a no is kept, in milliseconds, to save requests about a bad token that a client keeps sending. */
export const INACTIVE_MS_MAX = 5000;

/** How many bad tokens are cached. They have their own cache, so that a flood of them evicts no good token. */
const INACTIVE_MAX = 1000;

interface Kept {
  readonly mark: Mark;
  /** Past the end at equality. By both clocks: the one may be set, the other stands still while the machine sleeps. */
  readonly endsAtMonotonicMs: number;
  readonly endsAtWallMs: number;
}

interface KeptActive extends Kept {
  readonly grant: Grant;
  readonly verdict: Verdict;
}

export function createVerdictCache(activeMax: number, history: ChangeHistory, clock: Clock): VerdictCache {
  const active = new LRUCache<string, KeptActive>({ max: activeMax });
  const inactive = new LRUCache<string, Kept>({ max: INACTIVE_MAX });
  /** Tokens that were good, from when that was overtaken on. */
  const former = new LRUCache<string, Grant>({ max: activeMax });

  function hasEnded({ endsAtMonotonicMs, endsAtWallMs }: Kept): boolean {
    return clock.monotonicMs() >= endsAtMonotonicMs || clock.wallMs() >= endsAtWallMs;
  }

  function end(lifeMs: number, since: Moment): Omit<Kept, "mark"> {
    return { endsAtMonotonicMs: since.monotonicMs + lifeMs, endsAtWallMs: since.wallMs + lifeMs };
  }

  function inactiveVerdict(digest: string): Verdict {
    const grant = active.peek(digest)?.grant ?? former.get(digest);
    if (grant === undefined || grant.auth.expiresAt * 1000 <= clock.wallMs()) return INACTIVE;
    const reason = history.findRevocation(grant.subject);
    return reason === undefined ? INACTIVE : { outcome: "inactive", reason };
  }

  return {
    find(digest) {
      const good = active.get(digest);
      if (good !== undefined) {
        if (!hasEnded(good) && history.judgeActive(good.grant.subject, good.mark) === "current") return good.verdict;
        active.delete(digest);
        former.set(digest, good.grant);
      }
      const bad = inactive.get(digest);
      if (bad !== undefined) {
        if (!hasEnded(bad) && history.judgeInactive(bad.mark) === "current") return inactiveVerdict(digest);
        inactive.delete(digest);
      }
      return undefined;
    },

    keepActive(digest, grant, mark, lifeMs, since) {
      inactive.delete(digest);
      former.delete(digest);
      const verdict: Verdict = Object.freeze({ outcome: "active", auth: grant.auth });
      active.set(digest, { grant, verdict, mark, ...end(Math.min(lifeMs, VERDICT_MS_MAX), since) });
    },

    keepInactive(digest, mark) {
      const good = active.peek(digest);
      if (good !== undefined) former.set(digest, good.grant);
      active.delete(digest);
      inactive.set(digest, { mark, ...end(INACTIVE_MS_MAX, momentOf(clock)) });
    },

    inactiveVerdict,

    get size() {
      return active.size + inactive.size;
    },
  };
}
