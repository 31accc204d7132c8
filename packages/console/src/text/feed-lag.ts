import { t } from "./t.ts";

/** A node that has read the change feed within this time answers from memory, in seconds, inclusive. */
const FRESH_SECONDS_MAX = 5;

/** The greatest time that a node reports. */
const DAY_SECONDS = 86_400;

/** How far behind the change feed a node is; `undefined` for a node that doesn't report it. */
export function feedLag(seconds: number | null): { readonly text: string; readonly isBehind: boolean } | undefined {
  if (seconds === null) return undefined;
  if (seconds <= FRESH_SECONDS_MAX) return { text: t("feed.upToDate"), isBehind: false };
  if (seconds >= DAY_SECONDS) return { text: t("feed.behindADay"), isBehind: true };
  if (seconds < 120) return { text: t("feed.behindSeconds", { count: Math.round(seconds) }), isBehind: true };
  return { text: t("feed.behindMinutes", { count: Math.round(seconds / 60) }), isBehind: true };
}
