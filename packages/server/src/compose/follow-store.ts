import { watchFeed } from "../core/feed/watch-feed.ts";
import { createPositionKeeper, type PositionMemory } from "../core/store-identity/keep-position.ts";
import { describeRestoration } from "../core/store-identity/position.ts";
import { isStoreBroken } from "../core/store/store-broken.ts";
import type { Logger } from "../platform/logger.ts";
import { repeat, type Repeating } from "../platform/repeat.ts";
import type { Node } from "./node.ts";
import { reportTransitions } from "./report-transitions.ts";

/** How often the change feed is polled, in milliseconds. A change on another node is in effect here within twice that. */
const POLL_MS = 50;

/**
 * After how long without a finished poll the follower counts as stuck, in milliseconds. Where the store is away, a poll ends with an
 * error within 10 s.
 */
const STUCK_MS = 30_000;

export interface StoreFollowing {
  readonly tasks: readonly Pick<Repeating, "stop">[];
  /**
   * Whether polls don't end any more. Nothing but a restart helps then. A store that is away doesn't count: a restart wouldn't bring it
   * back.
   */
  isStuck(): boolean;
}

/** Follows the change feed, remembers the store's position, and logs what happens to the store. */
export function followStore(
  { store, view: { feed }, log }: Pick<Node, "store" | "view" | "log">,
  memory: PositionMemory,
): StoreFollowing {
  feed.subscribe({
    onEvents: () => undefined,
    onReset() {
      log.error("the store has lost events that this node had received; its registry view starts again from empty");
    },
  });
  const positionKeeper = createPositionKeeper(store, memory, positionReports(log));
  positionKeeper.onEvents([]);
  feed.subscribe(positionKeeper);

  const reportWrites = reportTransitions((problem) => {
    if (problem === undefined) log.info("the store can be written again");
    else log.error({ reason: problem }, "the store can't be written; changes are refused, checks and exchanges go on");
  });
  const reportStaleness = reportTransitions((problem) => {
    if (problem === undefined) log.info("the registry view is confirmed again");
    else log.error("the registry view isn't confirmed; each decision asks the store, or is refused");
  });
  const watch = watchFeed(store, feed, (error) => {
    log.debug({ err: error }, "the change feed can't be read");
  });
  const polling = repeat(
    POLL_MS,
    async () => {
      reportWrites(store.writeProblem());
      reportStaleness(feed.isFresh() ? undefined : "stale");
      await watch.poll();
    },
    (error) => {
      log.error(
        { err: error },
        isStoreBroken(error)
          ? "the store isn't the one that this node opened, or is damaged; nothing is answered or changed until that is put right"
          : "the change feed can't be read",
      );
    },
  );
  return { tasks: [polling, watch], isStuck: () => polling.idleMs() > STUCK_MS };
}

function positionReports(log: Logger): Parameters<typeof createPositionKeeper>[2] {
  return {
    onUnwritten(error) {
      log.warn(
        { err: error },
        "the store's position can't be written into the data folder; a restored backup may go unnoticed",
      );
    },
    onLost(lost) {
      log.error(
        { undone: lost.undone },
        `${describeRestoration(lost)}; make those changes again, or end every token by: countersign store accept`,
      );
    },
    onUnknownLoss(error) {
      log.error(
        { err: error },
        "the node can't find out what the store lost; add nothing until a restart has found that out",
      );
    },
  };
}
