import { useSyncExternalStore } from "react";
import { relativeTime, utcTime } from "../text/time-text.ts";

/** One clock for the whole page, so that times that are side by side agree; and one timer, however many there are. */
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

/** What time it is, to within 20 s. */
export function useNowMs(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}

/** A time as people say it, and exactly when one points at it. @param at RFC 3339; `null` shows what stands for never */
export function RelativeTime({ at, never = "never" }: { readonly at: string | null; readonly never?: string }) {
  const now = useNowMs();
  if (at === null) return <span className="faint">{never}</span>;
  const atMs = Date.parse(at);
  // What happened since the last tick doesn't lie ahead.
  const seenAtMs = atMs - now <= TICK_MS ? Math.max(now, atMs) : now;
  return (
    <time dateTime={at} title={utcTime(atMs)} className="nowrap">
      {relativeTime(atMs, seenAtMs)}
    </time>
  );
}
