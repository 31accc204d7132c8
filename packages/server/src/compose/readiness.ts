import { type ClockWatch, describeOffset, OFFSET_MS_MAX } from "../core/clock/clock-watch.ts";
import type { Store } from "../core/store/store.ts";
import type { FeedFollower } from "../core/feed/follow-feed.ts";
import type { Readiness } from "../http/server/health-routes.ts";

export interface ReadinessDependencies {
  readonly store: Pick<Store, "changeMarker" | "writeProblem">;
  readonly feed: Pick<FeedFollower, "isFresh">;
  readonly clockWatch: Pick<ClockWatch, "databaseOffsetMs">;
  readonly isStopping: () => boolean;
}

/** A node is ready while it isn't stopping, its feed is fresh, the store answers and the clock is right. */
export function createReadiness({ store, feed, clockWatch, isStopping }: ReadinessDependencies): Readiness {
  return async () => {
    if (isStopping()) return { ready: false, reason: "stopping" };
    if (!feed.isFresh()) return { ready: false, reason: "the registry view isn't confirmed" };
    try {
      await store.changeMarker();
    } catch {
      return { ready: false, reason: "the store can't be reached" };
    }
    const offsetMs = clockWatch.databaseOffsetMs();
    const clockProblem = describeOffset(offsetMs);
    if (clockProblem !== undefined && Math.abs(offsetMs ?? 0) > OFFSET_MS_MAX) {
      return { ready: false, reason: clockProblem };
    }
    return { ready: true, writeProblem: store.writeProblem(), clockProblem };
  };
}
