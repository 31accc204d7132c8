/**
 * What a node does by itself while it serves: it follows the change feed, says that it is there, writes usage, keeps streams in
 * sync, and removes what has expired. No request waits for any of it.
 */
import { setTimeout } from "node:timers/promises";
import { FEED_SYNC_MS, IDEMPOTENCY_SECONDS } from "@countersign/protocol";
import type { LastSeen } from "../core/operators/last-seen.ts";
import { SESSION_IDLE_MS, SESSION_MS_MAX } from "../core/operators/sessions.ts";
import { createPositionKeeper, type PositionMemory, rememberPosition } from "../core/store-identity/keep-position.ts";
import { describeRestoration } from "../core/store-identity/position.ts";
import { REFUSED_FLUSH_MS, type RefusedSignIns } from "../core/operators/refused-sign-ins.ts";
import { watchFeed } from "../core/feed/watch-feed.ts";
import type { Heartbeat } from "../core/signing-keys/heartbeat.ts";
import type { KeyUsage } from "../core/keys/usage.ts";
import type { RegistryStore } from "../core/store/store.ts";
import type { RegistryView } from "../core/view/view.ts";
import { isStoreBroken } from "../core/store/store-broken.ts";
import { type ClockWatch, describeOffset } from "../core/clock/clock-watch.ts";
import { createStepWatch } from "../core/clock/step-watch.ts";
import type { Clock } from "../core/surroundings.ts";
import { KEPT_AFTER_EXPIRY_SECONDS } from "../core/token/deny-list.ts";
import type { ChangeStreams } from "../http/public/changes/change-streams.ts";
import type { Logger } from "../platform/logger.ts";
import { repeat } from "../platform/repeat.ts";

/** How often the change feed is looked at, in milliseconds: a change elsewhere holds here within twice that. */
const POLL_MS = 50;

/** How often the wall clock is looked at, in milliseconds. */
const CLOCK_LOOK_MS = 1000;

/** How often a node says that it is there, in milliseconds. */
const HEARTBEAT_MS = 5000;

/** How long usage by the hour is kept, in seconds: 90 days. */
const USAGE_KEPT_SECONDS = 90 * 86_400;

/** How long a node that is gone is remembered, in milliseconds. */
const NODES_KEPT_MS = 3_600_000;

/** How often key usage, and when sessions and admin tokens were seen, is written; in milliseconds. */
const USAGE_FLUSH_MS = 5000;

/** How often what has expired is removed, in milliseconds, and how many rows at once. */
const CLEANING_MS = 10_000;
const CLEANED_ROWS_MAX = 1000;

/** The pause between two such parts, in milliseconds: requests come first. */
const CLEANING_PAUSE_MS = 20;

export interface BackgroundDependencies {
  readonly store: RegistryStore;
  readonly view: RegistryView;
  readonly clock: Clock;
  readonly clockWatch: ClockWatch;
  readonly log: Logger;
  readonly keyUsage: KeyUsage;
  readonly lastSeen: LastSeen;
  readonly refusedSignIns: Pick<RefusedSignIns, "flush">;
  readonly changeStreams: Pick<ChangeStreams, "tick">;
  readonly heartbeat: Heartbeat;
  /** Where the store's position is remembered. */
  readonly memory: PositionMemory;
}

export interface BackgroundWork {
  /** Resolves once nothing of it is under way any more. */
  stop(): Promise<void>;
  /** After the last request: writes what was counted, and removes this node from the list of live ones. */
  deregister(): Promise<void>;
}

/** When it resolves, the node has said that it is there: from then on no signing key signs that it can't check. */
export async function startBackgroundWork(dependencies: BackgroundDependencies): Promise<BackgroundWork> {
  const { store, view, clock, clockWatch, log, keyUsage, lastSeen, changeStreams, heartbeat, memory } = dependencies;
  const { feed } = view;
  let stopping = false;

  const watch = watchFeed(store, feed, (error) => {
    log.debug({ err: error }, "the change feed can't be read");
  });
  let wasFresh = true;
  let wasWritable = true;
  const polling = repeat(
    POLL_MS,
    async () => {
      const problem = store.writeProblem();
      const isWritable = problem === undefined;
      if (isWritable !== wasWritable) {
        if (isWritable) log.info("the store can be written again");
        else
          log.error({ reason: problem }, "the store can't be written; changes are refused, checks and exchanges go on");
      }
      wasWritable = isWritable;
      const isFresh = feed.isFresh();
      if (isFresh !== wasFresh) {
        if (isFresh) log.info("the registry view is confirmed again");
        else log.error("the registry view isn't confirmed; each decision asks the store, or is refused");
      }
      wasFresh = isFresh;
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
  await heartbeat.beat();
  feed.subscribe(heartbeat);
  feed.subscribe({
    onEvents: () => undefined,
    onReset() {
      log.error("the store has lost events that this node had heard of; the view begins anew");
    },
  });
  const positionKeeper = createPositionKeeper(store, memory, {
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
        "what the store lost can't be made out; don't add anything before that is done by a restart",
      );
    },
  });
  positionKeeper.onEvents([]);
  feed.subscribe(positionKeeper);
  const beating = repeat(
    HEARTBEAT_MS,
    async () => {
      heartbeat.beatSoon();
    },
    () => undefined,
  );
  const lookingAtClock = repeat(
    CLOCK_LOOK_MS,
    async () => {
      const stepMs = clockWatch.look();
      if (stepMs !== undefined) {
        log.warn(
          { step_seconds: Math.round(stepMs / 100) / 10 },
          "the wall clock moved against the monotonic one: it was set, or the machine slept; where it is wrong now, assertions are refused as too old or too new",
        );
      }
    },
    () => undefined,
  );
  let hadOffset = false;
  const comparing = repeat(
    HEARTBEAT_MS,
    async () => {
      await clockWatch.compare();
      const problem = describeOffset(clockWatch.databaseOffsetMs());
      const hasOffset = problem !== undefined;
      if (hasOffset !== hadOffset) {
        if (hasOffset)
          log.error({ reason: problem }, "this machine's clock and the database's differ; one of them is wrong");
        else log.info("this machine's clock and the database's agree again");
      }
      hadOffset = hasOffset;
    },
    () => undefined,
  );
  const flushing = repeat(
    USAGE_FLUSH_MS,
    () => keyUsage.flush(),
    (error) => {
      log.warn({ err: error }, "key usage can't be written; it is kept for the next try");
    },
  );
  const notingSeen = repeat(
    USAGE_FLUSH_MS,
    () => lastSeen.flush(),
    (error) => {
      log.warn({ err: error }, "when sessions were last seen can't be written; it is kept for the next try");
    },
  );
  const { refusedSignIns } = dependencies;
  const auditing = repeat(
    REFUSED_FLUSH_MS,
    () => refusedSignIns.flush(),
    (error) => {
      log.warn({ err: error }, "refused sign-ins can't be written into the audit log; it is tried again");
    },
  );
  const syncing = repeat(
    FEED_SYNC_MS,
    async () => {
      changeStreams.tick();
    },
    (error) => {
      log.error({ err: error }, "the streams of changes can't be told that they are in sync");
    },
  );
  const isClockBelievable = createStepWatch(clock);
  const cleaning = repeat(
    CLEANING_MS,
    async () => {
      if (!isClockBelievable()) return;
      const nowSeconds = Math.floor(clock.nowMicroseconds() / 1e6);
      const expiredBeforeSeconds = nowSeconds - KEPT_AFTER_EXPIRY_SECONDS;
      view.forgetExpiredTokens(expiredBeforeSeconds);
      const usageBeforeSeconds = nowSeconds - USAGE_KEPT_SECONDS;
      const nowMilliseconds = nowSeconds * 1000;
      const before = {
        expiredBeforeSeconds,
        usageBeforeSeconds,
        unseenForMs: NODES_KEPT_MS,
        creationsBeforeMs: nowMilliseconds - IDEMPOTENCY_SECONDS * 1000,
        sessionsBegunBeforeMs: nowMilliseconds - SESSION_MS_MAX,
        sessionsSeenBeforeMs: nowMilliseconds - SESSION_IDLE_MS,
      };
      for (;;) {
        const removed = await store.removeExpired(before, CLEANED_ROWS_MAX);
        if (removed === 0 || stopping) break;
        await setTimeout(CLEANING_PAUSE_MS);
      }
    },
    (error) => {
      log.warn({ err: error }, "what has expired can't be removed; it is tried again");
    },
  );

  return {
    async stop() {
      stopping = true;
      await Promise.all(
        [polling, flushing, notingSeen, auditing, syncing, cleaning, beating, lookingAtClock, comparing, watch].map(
          (repeating) => repeating.stop(),
        ),
      );
    },
    async deregister() {
      await keyUsage.flush().catch((error: unknown) => {
        log.warn({ err: error }, "key usage can't be written; its last seconds are lost");
      });
      const auditRefused = refusedSignIns.flush().catch((error: unknown) => {
        log.warn({ err: error }, "refused sign-ins can't be written into the audit log; the last minute's are lost");
      });
      // At once: where the store can't be written, each waits for its deadline.
      await Promise.allSettled([
        auditRefused,
        lastSeen.flush(),
        rememberPosition(store, memory),
        store.removeNode(heartbeat.id),
      ]);
    },
  };
}
