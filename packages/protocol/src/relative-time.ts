const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;
const SECOND = ["second", 1] as const;

/** A distance in time, rounded: `count` is negative in the past. */
export interface RelativeAmount {
  readonly count: number;
  readonly unit: (typeof UNITS)[number][0] | "second";
}

/**
 * The distance in the largest unit that fits, rounded to the nearest whole number. The command line and the console both use it, so
 * that one key has one expiry.
 */
export function relativeAmount(atMs: number, nowMs: number): RelativeAmount {
  const seconds = (atMs - nowMs) / 1000;
  const [unit, length] = UNITS.find(([, unitSeconds]) => Math.abs(seconds) >= unitSeconds) ?? SECOND;
  return { count: Math.sign(seconds) * Math.round(Math.abs(seconds) / length), unit };
}

/** `3 minutes ago`, `in 2 days`; within 5 seconds `just now`. Counted as {@link relativeAmount} counts. */
export function relativeTime(atMs: number, nowMs: number): string {
  if (Math.abs(atMs - nowMs) < 5000) return "just now";
  const { count, unit } = relativeAmount(atMs, nowMs);
  const size = Math.abs(count);
  // Intl.RelativeTimeFormat writes the same. Loading its data would take a tenth of the time that a command takes.
  const amount = `${size} ${unit}${size === 1 ? "" : "s"}`;
  return count < 0 ? `${amount} ago` : `in ${amount}`;
}
