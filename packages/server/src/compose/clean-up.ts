import { setTimeout } from "node:timers/promises";
import { IDEMPOTENCY_SECONDS } from "@countersign/protocol";
import { createStepWatch } from "../core/clock/step-watch.ts";
import { SESSION_IDLE_MS, SESSION_MS_MAX } from "../core/operators/sessions.ts";
import { KEPT_AFTER_EXPIRY_SECONDS } from "../core/token/deny-list.ts";
import { repeat, type Repeating } from "../platform/repeat.ts";
import type { Node } from "./node.ts";

/** How often expired rows are removed, in milliseconds, and how many at once. */
const CLEANING_MS = 10_000;
const CLEANED_ROWS_MAX = 1000;

/** The pause between two batches, in milliseconds: requests come first. */
const CLEANING_PAUSE_MS = 20;

/** How long usage by the hour is kept, in seconds: 90 days. */
const USAGE_KEPT_SECONDS = 90 * 86_400;

/** How long the refusals of each API user are kept, in seconds: 7 days and the hour in which the first of them begins. */
const USER_REFUSALS_KEPT_SECONDS = 7 * 86_400 + 3600;

/** How long a node that is gone is remembered, in milliseconds. */
const NODES_KEPT_MS = 3_600_000;

/** Forgets expired tokens of the deny-list, in memory alone: another node removes their rows. */
export function forgetExpiredTokens(view: Node["view"], clock: Node["clock"]): Repeating {
  const isClockBelievable = createStepWatch(clock);
  return repeat(
    CLEANING_MS,
    async () => {
      if (!isClockBelievable()) return;
      view.forgetExpiredTokens(Math.floor(clock.nowMicroseconds() / 1e6) - KEPT_AFTER_EXPIRY_SECONDS);
    },
    () => undefined,
  );
}

/** Removes what has expired, batch by batch. Nothing is removed soon after a step of the wall clock. */
export function startCleaning({ store, view, clock, log }: Pick<Node, "store" | "view" | "clock" | "log">): Repeating {
  const isClockBelievable = createStepWatch(clock);
  let isStopping = false;
  const cleaning = repeat(
    CLEANING_MS,
    async () => {
      if (!isClockBelievable()) return;
      const nowSeconds = Math.floor(clock.nowMicroseconds() / 1e6);
      const nowMs = nowSeconds * 1000;
      const expiredBeforeSeconds = nowSeconds - KEPT_AFTER_EXPIRY_SECONDS;
      view.forgetExpiredTokens(expiredBeforeSeconds);
      const before = {
        expiredBeforeSeconds,
        usageBeforeSeconds: nowSeconds - USAGE_KEPT_SECONDS,
        userRefusalsBeforeSeconds: nowSeconds - USER_REFUSALS_KEPT_SECONDS,
        unseenForMs: NODES_KEPT_MS,
        creationsBeforeMs: nowMs - IDEMPOTENCY_SECONDS * 1000,
        sessionsBegunBeforeMs: nowMs - SESSION_MS_MAX,
        sessionsSeenBeforeMs: nowMs - SESSION_IDLE_MS,
      };
      for (;;) {
        const removed = await store.removeExpired(before, CLEANED_ROWS_MAX);
        if (removed === 0 || isStopping) return;
        await setTimeout(CLEANING_PAUSE_MS);
      }
    },
    (error) => {
      log.warn({ err: error }, "expired rows can't be removed; the next try follows");
    },
  );
  return {
    stop() {
      isStopping = true;
      return cleaning.stop();
    },
  };
}
