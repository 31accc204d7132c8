import { useSyncExternalStore } from "react";
import { exactTime, otherZone, relativeTime, type TimeZone } from "../text/time-text.ts";
import { t } from "../text/t.ts";
import { useTimeZone } from "./time-zone.ts";

/** One clock and one timer for the whole page, so that all times agree. */
const TICK_MS = 20_000;
let nowMs = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function tick(): void {
  nowMs = Date.now();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The current time in milliseconds, at most 20 s old. */
export function useNowMs(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}

/** A time relative to now, with the exact time, local and in UTC, as a tooltip. @param at RFC 3339; `null` shows `never` */
export function RelativeTime({
  at,
  never = t("common.never"),
}: {
  readonly at: string | null;
  readonly never?: string;
}) {
  const now = useNowMs();
  const zone = useTimeZone();
  if (at === null) return <span className="faint">{never}</span>;
  const atMs = Date.parse(at);
  // An event since the last tick must not look as if it were in the future.
  const seenAtMs = atMs - now <= TICK_MS ? Math.max(now, atMs) : now;
  return (
    <time dateTime={at} title={bothTimes(atMs, zone)} className="nowrap">
      {relativeTime(atMs, seenAtMs)}
    </time>
  );
}

/** The chosen time zone first. */
function bothTimes(atMs: number, zone: TimeZone): string {
  const [first, second] = [exactTime(atMs, zone), exactTime(atMs, otherZone(zone))];
  return first === second ? first : `${first}\n${second}`;
}
