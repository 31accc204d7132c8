const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;
const SECOND = ["second", 1] as const;

/**
 * `3 minutes ago`, `in 2 days`; within 5 seconds `just now`. In the largest unit that fits, rounded to the nearest whole number. The
 * command line and the console both use it, so that one key has one expiry.
 */
export function relativeTime(atMs: number, nowMs: number): string {
  const seconds = (atMs - nowMs) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 5) return "just now";
  const [unit, length] = UNITS.find(([, unitSeconds]) => distance >= unitSeconds) ?? SECOND;
  const count = Math.round(distance / length);
  // Intl.RelativeTimeFormat writes the same. Loading its data would take a tenth of the time that a command takes.
  const amount = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds < 0 ? `${amount} ago` : `in ${amount}`;
}
