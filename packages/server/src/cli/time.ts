import { WrongUsage } from "./context.ts";

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;

/** `3 minutes ago`, `in 2 days`, `just now`; a dash for no time. */
export function relativeTime(atMs: number | null, nowMs: number): string {
  if (atMs === null) return "-";
  const seconds = (atMs - nowMs) / 1000;
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  if (unit === undefined) return Math.abs(seconds) < 5 ? "just now" : relative.format(Math.round(seconds), "second");
  return relative.format(Math.round(seconds / unit[1]), unit[0]);
}

const DURATION_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;

/** Reads `90d`, `12h`, `30m`, `45s` or `2w`, in milliseconds. @throws {WrongUsage} */
export function parseDuration(text: string): number {
  const match = /^([1-9][0-9]{0,8})([smhdw])$/.exec(text);
  const unit = match?.[2] as keyof typeof DURATION_SECONDS | undefined;
  if (match === null || unit === undefined) {
    throw new WrongUsage("A duration is a whole number and a unit: s, m, h, d or w, such as 90d.");
  }
  return Number(match[1]) * DURATION_SECONDS[unit] * 1000;
}
