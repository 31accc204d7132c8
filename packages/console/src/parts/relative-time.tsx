import { useSyncExternalStore } from "react";
import { relativeTime, utcTime } from "./time-text.ts";

/** One clock for the whole page, so that times that are side by side agree. */
const TICK_MS = 20_000;
let nowMs = Date.now();

function subscribe(listener: () => void): () => void {
  const timer = setInterval(() => {
    nowMs = Date.now();
    listener();
  }, TICK_MS);
  return () => clearInterval(timer);
}

export function useNowMs(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}

/** A time as people say it, and exactly when one points at it. @param at RFC 3339; `null` shows what stands for never */
export function RelativeTime({ at, never = "never" }: { readonly at: string | null; readonly never?: string }) {
  const now = useNowMs();
  if (at === null) return <span className="faint">{never}</span>;
  const atMs = Date.parse(at);
  return (
    <time dateTime={at} title={utcTime(atMs)} className="nowrap">
      {relativeTime(atMs, Math.max(now, Math.min(Date.now(), atMs)))}
    </time>
  );
}
