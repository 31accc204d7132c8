import { SYSTEM } from "../change/change-tx.ts";
import type { Commit } from "../change/commit.ts";
import { createFairQueue } from "../fair-queue.ts";
import type { AuditEvent } from "../feed/audit-chain.ts";
import type { FeedListener } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import type { Clock, Random } from "../surroundings.ts";
import { disableWebhook } from "./changes.ts";
import type { Deliver, DeliveryResult } from "./deliver.ts";
import { matchesFilter } from "./event-filter.ts";
import type { WebhookLease } from "./lease.ts";
import { eventMessage } from "./message.ts";
import type { DeliveryState, Outcome, Webhook, WebhookId } from "./model.ts";
import { afterFailure, RETRY_MS_MAX } from "./schedule.ts";

/** How many deliveries run at the same time. */
const CONCURRENT_MAX = 16;

/** How often a node looks into the store although nothing has happened, in milliseconds: another node may have died. */
const LOOK_MS = 15_000;

/** The same while another node has the lease and something is to be delivered. */
const LOOK_AT_OTHER_MS = 3000;

/** How many events are read in one query. */
const EVENTS_PER_READ = 200;

/** After this many events that an endpoint doesn't want, its position is written; until then it is only remembered. */
const UNWRITTEN_MAX = 100;

export interface WebhookWorkerDependencies {
  readonly store: Pick<Store, "webhooks" | "events" | "storeId">;
  readonly commit: Commit;
  readonly deliver: Deliver;
  readonly lease: WebhookLease;
  readonly clock: Clock;
  readonly random: Random;
  /** Called after each attempt that was recorded. */
  readonly onAttempt: (outcome: Outcome) => void;
  /** Called when the store can't be read or written; the worker goes on by itself. */
  readonly onError: (error: unknown) => void;
}

/** What the worker of this process does at the moment. All zero on a node that another one delivers for. */
export interface WebhookFigures {
  /** The age of the oldest event that is being delivered, or waits for a retry, in seconds. */
  readonly lagSeconds: number;
  /** Endpoints whose next event failed at least once. */
  readonly failing: number;
}

/**
 * Delivers events to endpoints, one node at a time. The feed wakes it.
 *
 * - At least once: the position moves after the receiver's answer, so a node that dies repeats the event it was delivering.
 * - In order: the next event of an endpoint waits until this one was delivered. Endpoints don't wait for each other.
 */
export interface WebhookWorker extends FeedListener {
  /** Starts what is due. It costs nothing if nothing is. To be called every second. */
  tick(): void;
  /** Resolves once everything that is due was tried. */
  settled(): Promise<void>;
  /** Ends deliveries in progress, which are repeated later, and lets another node deliver. */
  stop(): Promise<void>;
  figures(): WebhookFigures;
}

/** How far the events after a stored position were looked through in vain. */
interface Searched {
  readonly position: number;
  readonly filter: string;
  readonly seq: number;
}

export function createWebhookWorker(dependencies: WebhookWorkerDependencies): WebhookWorker {
  const { store, commit, deliver, lease, clock, random, onAttempt, onError } = dependencies;
  const stopping = new AbortController();
  const { signal } = stopping;
  const slots = createFairQueue({ runningMax: CONCURRENT_MAX, waitingMax: Number.POSITIVE_INFINITY });
  /** Endpoints that are delivered to at the moment. */
  const lanes = new Map<WebhookId, Promise<void>>();
  const searched = new Map<WebhookId, Searched>();
  /** When the event was made that an endpoint waits for, in milliseconds since the epoch. */
  const pending = new Map<WebhookId, number>();
  /** Endpoints that wait for a retry, and when it is due. */
  const retries = new Map<WebhookId, number>();
  let looking: Promise<void> | undefined;
  let isWanted = false;
  /** When to look again, by the monotonic clock. */
  let nextLookMs = Number.NEGATIVE_INFINITY;
  /** Counts the calls of {@link wake}, so that a lane that ends knows whether there was one since it looked. */
  let wakes = 0;

  function wake(): void {
    wakes++;
    isWanted = true;
    looking ??= lookWhileWanted().finally(() => {
      looking = undefined;
    });
  }

  async function lookWhileWanted(): Promise<void> {
    while (isWanted && !signal.aborted) {
      isWanted = false;
      await look().catch(onError);
    }
  }

  function inProgress(): readonly Promise<void>[] {
    return looking === undefined ? [...lanes.values()] : [looking, ...lanes.values()];
  }

  /** Starts a lane for each endpoint that has an event to get now. */
  async function look(): Promise<void> {
    nextLookMs = clock.monotonicMs() + LOOK_MS;
    retries.clear();
    const webhooks = await store.webhooks.listActive();
    forgetOthers(webhooks);
    if (webhooks.length === 0) return;
    const { seq: lastSeq } = await store.events.last();
    const behind = webhooks.filter((webhook) => searchedTo(webhook) < lastSeq);
    if (behind.length === 0) return;
    if (!(await lease.hold())) {
      forgetOthers([]);
      nextLookMs = clock.monotonicMs() + LOOK_AT_OTHER_MS;
      return;
    }
    for (const { id, nextAttemptAtMs } of behind) {
      if (isLater(nextAttemptAtMs)) retries.set(id, nextAttemptAtMs);
      else if (!lanes.has(id)) startLane(id);
    }
  }

  function forgetOthers(webhooks: readonly Webhook[]): void {
    const ids = new Set(webhooks.map(({ id }) => id));
    for (const map of [searched, pending]) for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
  }

  /** A time beyond the longest wait was set by a clock that was ahead, and counts as now. */
  function isLater(atMs: number | null): atMs is number {
    const waitMs = (atMs ?? 0) - clock.wallMs();
    return waitMs > 0 && waitMs <= RETRY_MS_MAX;
  }

  function startLane(id: WebhookId): void {
    retries.delete(id);
    let wakesSeen = wakes;
    const run = async () => {
      for (let mayHaveMore = true; mayHaveMore; ) {
        wakesSeen = wakes;
        mayHaveMore = await slots.run(String(id), () => deliverNext(id));
      }
    };
    const lane = run()
      .catch(onError)
      .finally(() => {
        lanes.delete(id);
        if (wakes !== wakesSeen && !signal.aborted) wake();
      });
    lanes.set(id, lane);
  }

  /** Tries the endpoint's next event, if it has one. @returns whether to go on with the one after it */
  async function deliverNext(id: WebhookId): Promise<boolean> {
    if (signal.aborted || !(await lease.hold())) return false;
    // Read anew for each delivery, so that an endpoint that was changed or deactivated gets nothing by its old state.
    const webhook = await store.webhooks.load(id);
    if (webhook?.status !== "active") return false;
    if (isLater(webhook.nextAttemptAtMs)) {
      retries.set(id, webhook.nextAttemptAtMs);
      return false;
    }
    const next = await findNext(webhook);
    if (next === undefined) {
      pending.delete(id);
      return false;
    }
    const { event, from } = next;
    pending.set(id, event.atMs);
    const message = eventMessage(webhook, event, await store.storeId());
    const result = await deliver(webhook, message, signal);
    if (signal.aborted) return false;
    const state = stateAfter(webhook, event, from, result);
    const { outcome, httpStatus, durationMs } = result;
    // A failure at a URL that an operator has replaced meanwhile says nothing of the new one.
    if (outcome !== "delivered" && (await store.webhooks.load(id))?.url !== webhook.url) return true;
    const attempt = { outcome, httpStatus, durationMs, attempt: webhook.attempts + 1, atMs: clock.wallMs() };
    const { seq, action } = event;
    const about = { webhookId: id, seq, action, messageId: message.id };
    if (!(await store.webhooks.record({ ...about, ...attempt }, from, state))) return true;
    onAttempt(outcome);
    if (outcome === "delivered") return true;
    const reason = outcome === "gone" ? "gone" : state.isOver ? "failing" : undefined;
    if (reason !== undefined) await commit((tx) => disableWebhook(tx, { id, ...state }, reason), { author: SYSTEM });
    else retries.set(id, state.nextAttemptAtMs ?? 0);
    return false;
  }

  function stateAfter(
    webhook: Webhook,
    { seq }: AuditEvent,
    from: number,
    { outcome, retryAfterMs }: DeliveryResult,
  ): DeliveryState & { readonly isOver: boolean } {
    const nowMs = clock.wallMs();
    if (outcome !== "delivered") {
      const { lastDeliveredAtMs } = webhook;
      return { position: from, lastDeliveredAtMs, ...afterFailure(webhook, nowMs, retryAfterMs, random) };
    }
    const cleared = { attempts: 0, failingSinceMs: null, nextAttemptAtMs: null, isOver: false };
    return { position: seq, lastDeliveredAtMs: nowMs, ...cleared };
  }

  /** The endpoint's next event, and the position that is stored before it. */
  async function findNext(webhook: Webhook): Promise<{ event: AuditEvent; from: number } | undefined> {
    let from = webhook.position;
    for (let seq = searchedTo(webhook); ; ) {
      const events = await store.events.after(seq, EVENTS_PER_READ);
      const event = events.find((each) => isFor(webhook, each));
      if (event !== undefined) return { event, from };
      seq = events.at(-1)?.seq ?? seq;
      if (seq - from >= UNWRITTEN_MAX) {
        if (!(await store.webhooks.skip(webhook.id, from, seq))) {
          // Another node, or an operator, has moved it meanwhile.
          wake();
          return undefined;
        }
        from = seq;
      }
      searched.set(webhook.id, { position: from, filter: webhook.events.join(), seq });
      if (events.length < EVENTS_PER_READ || signal.aborted) return undefined;
    }
  }

  function searchedTo({ id, position, events }: Webhook): number {
    const known = searched.get(id);
    return known?.position === position && known.filter === events.join() ? known.seq : position;
  }

  return {
    onEvents: wake,
    onReset() {
      // The same numbers may stand for other events now.
      searched.clear();
      wake();
    },
    tick() {
      const nowMs = clock.wallMs();
      const isDue = [...retries.values()].some((atMs) => atMs <= nowMs);
      if (isDue || clock.monotonicMs() >= nextLookMs) wake();
    },
    async settled() {
      for (let running = inProgress(); running.length > 0; running = inProgress()) await Promise.all(running);
    },
    async stop() {
      stopping.abort();
      await Promise.all(inProgress());
      await lease.release();
    },
    figures() {
      const oldestMs = Math.min(...pending.values());
      return {
        lagSeconds: pending.size === 0 ? 0 : Math.max(0, clock.wallMs() - oldestMs) / 1000,
        failing: retries.size,
      };
    },
  };
}

/** Does the endpoint get this event? It isn't told that it was disabled itself: that would be the first thing it hears again. */
function isFor({ id, events, accountId }: Webhook, event: AuditEvent): boolean {
  if (accountId !== null && event.accountId !== accountId) return false;
  if (event.action === "webhook.disabled" && event.subject === `webhook:${id}`) return false;
  return matchesFilter(events, event.action);
}
