/** Times in words. The caller passes the clock. */

const UNITS = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/** `3 minutes ago`, `in 2 days`; within a minute `just now` or, in the future, `in a moment`. */
export function relativeTime(atMs: number, nowMs: number): string {
  const seconds = (atMs - nowMs) / 1000;
  for (const [unit, unitSeconds] of UNITS) {
    // Round towards now: an event is never older than stated.
    const whole = Math.trunc(seconds / unitSeconds);
    if (whole !== 0) return relative.format(whole, unit);
  }
  return seconds > 0 ? "in a moment" : "just now";
}

/** `2026-11-24 15:23:41 UTC` */
export function utcTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `Tue 24 Nov, 15:00–16:00 UTC`, for the hour that starts at `atMs`. */
export function utcHour(atMs: number): string {
  const day = new Date(atMs).toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    timeZone: "UTC",
  });
  const hour = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  return `${day}, ${hour(atMs)}–${hour(atMs + 3_600_000)} UTC`;
}
