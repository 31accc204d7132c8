import { coalesce } from "../coalesce.ts";
import type { FeedFollower, FeedListener } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import { SYSTEM } from "../change/change-tx.ts";
import type { Commit } from "../change/commit.ts";
import { activateSigningKey } from "./changes.ts";
import { FEED_LAG_MS_MAX, type LiveNode } from "./store.ts";
import { changesSigningKeys, type SigningKeyRing } from "./ring.ts";

/**
 * Records that this node is alive and which signing keys it knows, and activates a new signing key once every live node knows it.
 * As a listener of the change feed it beats after every change of the signing keys.
 */
export interface Heartbeat extends FeedListener {
  readonly id: string;
  /** When it resolves, the other nodes know this one: from then on, no signing key signs whose tokens this node can't check. */
  beat(): Promise<void>;
  /** Starts a beat without waiting for it. Calls during a beat cause one more beat after it. */
  beatSoon(): void;
}

/** @param onError called when a beat of `beatSoon` fails; the next one tries again */
export function createHeartbeat(
  store: Pick<Store, "nodes" | "signingKeys">,
  signingKeys: Pick<SigningKeyRing, "numbers" | "settled">,
  commit: Commit,
  feed: Pick<FeedFollower, "confirmedMsAgo">,
  node: Omit<LiveNode, "seenAtMs" | "signingKeys" | "feedLagMs">,
  onError: (error: unknown) => void,
): Heartbeat {
  async function beat(): Promise<void> {
    await signingKeys.settled().catch(() => undefined);
    const feedLagMs = Math.min(Math.max(0, Math.round(feed.confirmedMsAgo())), FEED_LAG_MS_MAX);
    await store.nodes.record({ ...node, signingKeys: signingKeys.numbers(), feedLagMs });
    // Checked without a transaction first, to avoid the lock that every change takes.
    const keys = await store.signingKeys.list();
    const isAnyWaiting = keys.some((key) => key.activatedAtMs === null && key.retiredAtMs === null);
    if (isAnyWaiting) await commit(activateSigningKey, { author: SYSTEM });
  }
  const beatSoon = coalesce(beat, onError);
  return {
    id: node.id,
    beat,
    beatSoon,
    onEvents(events) {
      if (events.some(changesSigningKeys)) beatSoon();
    },
    onReset: beatSoon,
  };
}
