import { coalesce } from "../coalesce.ts";
import type { Store } from "../store/store.ts";
import type { FeedFollower } from "./follow-feed.ts";

/**
 * How often the feed is polled while the store reports changes by itself, in milliseconds: that confirms the feed, and finds
 * a change whose report was lost.
 */
export const WATCHED_POLL_MS = 500;

/** Keeps a follower up to date. */
export interface FeedWatch {
  /** Polls, unless the store reports changes and the feed was confirmed less than {@link WATCHED_POLL_MS} ago. */
  poll(): Promise<void>;
  /** From now on, the store's reports cause no reads. */
  stop(): Promise<void>;
}

/**
 * Makes the follower catch up as soon as the store reports another process's change. An engine that can't report changes needs a poll
 * every few milliseconds.
 *
 * @param onError called when catching up fails; the next poll tries again
 */
export function watchFeed(
  store: Pick<Store, "watchChanges">,
  feed: Pick<FeedFollower, "catchUp" | "poll" | "confirmedMsAgo">,
  onError: (error: unknown) => void,
): FeedWatch {
  const watch = store.watchChanges(coalesce(() => feed.catchUp(), onError));
  return {
    async poll() {
      if (watch.isReliable() && feed.confirmedMsAgo() < WATCHED_POLL_MS) return;
      await feed.poll();
    },
    stop: () => watch.stop(),
  };
}
