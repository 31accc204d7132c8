import { FEED_SYNC_MS } from "@countersign/protocol";
import { describeOffset } from "../core/clock/clock-watch.ts";
import { createFirstCheckNote } from "../core/jobs/first-check.ts";
import { REFUSED_FLUSH_MS } from "../core/operators/refused-sign-ins.ts";
import type { Heartbeat } from "../core/signing-keys/heartbeat.ts";
import { type PositionMemory, rememberPosition } from "../core/store-identity/keep-position.ts";
import type { ChangeStreams } from "../http/public/changes/change-streams.ts";
import { repeat, type Repeating } from "../platform/repeat.ts";
import type { Node } from "./node.ts";
import { followStore } from "./follow-store.ts";
import { forgetExpiredTokens, startCleaning } from "./clean-up.ts";
import { startJobs } from "./jobs.ts";
import { createKeyJobs } from "./key-jobs.ts";
import { traceJobs } from "./tracing.ts";
import { startWebhooks } from "./webhooks.ts";
import { reportTransitions } from "./report-transitions.ts";

/** How often the wall clock is compared with the monotonic one, in milliseconds. */
const CLOCK_LOOK_MS = 1000;

/** How often a node registers in the store, and compares its clock with the database's, in milliseconds. */
const HEARTBEAT_MS = 5000;

/** How often key usage, and when sessions and admin tokens were last seen, is written; in milliseconds. */
const USAGE_FLUSH_MS = 5000;

export interface BackgroundDependencies extends Node {
  /** `undefined` if this process doesn't serve the public listener. */
  readonly changeStreams: Pick<ChangeStreams, "tick"> | undefined;
  /**
   * Does this process serve the internal listener? Then it also does what is left to the administration: it delivers webhooks, runs
   * the jobs that one node at a time does, and removes rows that have expired.
   */
  readonly isAdministered: boolean;
  readonly heartbeat: Heartbeat;
  /** Where the store's position is remembered. */
  readonly memory: PositionMemory;
}

export interface BackgroundWork {
  /** See {@link StoreFollowing.isStuck}. */
  isStuck(): boolean;
  /** Resolves once none of it is running. */
  stop(): Promise<void>;
  /** To be called after the last request: writes what was counted, and removes the node from the store's list. */
  deregister(): Promise<void>;
}

/**
 * Starts what a node does by itself while it serves: it follows the change feed, registers in the store, writes usage, keeps
 * streams in sync, removes what has expired, and runs the jobs that fall to it. No request waits for any of it.
 *
 * When it resolves, the node is registered: from then on no signing key signs that this node can't check.
 */
export async function startBackgroundWork(dependencies: BackgroundDependencies): Promise<BackgroundWork> {
  const {
    store,
    log,
    keyUsage,
    refusalCounts,
    userRefusals,
    lastSeen,
    refusedSignIns,
    changeStreams,
    heartbeat,
    memory,
  } = dependencies;
  const { isAdministered, view, clock } = dependencies;
  const warn = (message: string) => (error: unknown) => {
    log.warn({ err: error }, message);
  };
  await heartbeat.beat();
  dependencies.view.feed.subscribe(heartbeat);
  const following = followStore(dependencies, memory);
  const noteFirstCheck = createFirstCheckNote({ jobs: store.jobs, clock }, heartbeat.id, () =>
    dependencies.metrics.hasFoundActive(),
  );
  const tasks = [
    ...following.tasks,
    repeat(HEARTBEAT_MS, async () => heartbeat.beatSoon(), ignore),
    watchClockSteps(dependencies),
    compareDatabaseClock(dependencies),
    repeat(USAGE_FLUSH_MS, () => keyUsage.flush(), warn("key usage can't be written; it is kept for the next try")),
    repeat(
      USAGE_FLUSH_MS,
      () => refusalCounts.flush(),
      warn("refused requests can't be counted in the store; they are kept for the next try"),
    ),
    repeat(
      USAGE_FLUSH_MS,
      () => userRefusals.flush(),
      warn("refused assertions of API users can't be counted in the store; they are kept for the next try"),
    ),
    repeat(USAGE_FLUSH_MS, noteFirstCheck, warn("the first check of a token can't be noted; the next try follows")),
    ...(changeStreams ? [keepStreamsInSync(changeStreams, log)] : []),
    ...(isAdministered ? administrativeWork() : [forgetExpiredTokens(view, clock)]),
  ];

  function administrativeWork(): Pick<Repeating, "stop">[] {
    return [
      repeat(
        USAGE_FLUSH_MS,
        () => lastSeen.flush(),
        warn("when sessions were last seen can't be written; it is kept for the next try"),
      ),
      repeat(
        REFUSED_FLUSH_MS,
        () => refusedSignIns.flush(),
        warn("refused sign-ins can't be written into the audit log; the next try follows"),
      ),
      startCleaning(dependencies),
      startJobs(dependencies, heartbeat.id, traceJobs(dependencies.tracer, createKeyJobs(dependencies))),
      startWebhooks(dependencies, heartbeat.id),
    ];
  }

  return {
    isStuck: () => following.isStuck(),
    async stop() {
      await Promise.all(tasks.map((task) => task.stop()));
    },
    async deregister() {
      await keyUsage.flush().catch(warn("key usage can't be written; its last seconds are lost"));
      // All at once: where the store can't be written, each waits for its deadline.
      await Promise.allSettled([
        refusedSignIns
          .flush()
          .catch(warn("refused sign-ins can't be written into the audit log; the last minute's are lost")),
        lastSeen.flush(),
        refusalCounts.flush(),
        userRefusals.flush(),
        rememberPosition(store, memory),
        store.nodes.remove(heartbeat.id),
      ]);
    },
  };
}

function keepStreamsInSync(changeStreams: Pick<ChangeStreams, "tick">, log: Node["log"]): Repeating {
  return repeat(
    FEED_SYNC_MS,
    async () => changeStreams.tick(),
    (error) => {
      log.error({ err: error }, "the change streams can't be told that they are in sync");
    },
  );
}

function watchClockSteps({ clockWatch, log }: Pick<Node, "clockWatch" | "log">): Repeating {
  const look = async () => {
    const stepMs = clockWatch.checkForStep();
    if (stepMs === undefined) return;
    log.warn(
      { step_seconds: Math.round(stepMs / 100) / 10 },
      "the wall clock moved against the monotonic one: it was set, or the machine slept; while it is wrong, assertions are refused as too old or too new",
    );
  };
  return repeat(CLOCK_LOOK_MS, look, ignore);
}

function compareDatabaseClock({ clockWatch, log }: Pick<Node, "clockWatch" | "log">): Repeating {
  const report = reportTransitions((problem) => {
    if (problem === undefined) log.info("this machine's clock and the database's agree again");
    else log.error({ reason: problem }, "this machine's clock and the database's differ; one of them is wrong");
  });
  const compare = async () => {
    await clockWatch.compare();
    report(describeOffset(clockWatch.databaseOffsetMs()));
  };
  return repeat(HEARTBEAT_MS, compare, ignore);
}

/** For work that reports its failures itself, or whose failure another task reports. */
function ignore(): void {}
