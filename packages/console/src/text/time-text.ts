/** Times in words. The caller passes the clock. */
import { relativeTime as relativeTimeOf } from "@countersign/protocol";

/** As the command line words it, except that within a minute it is `just now` or `in a moment`: the page's clock isn't finer. */
export function relativeTime(atMs: number, nowMs: number): string {
  if (Math.abs(atMs - nowMs) >= 60_000) return relativeTimeOf(atMs, nowMs);
  return atMs > nowMs ? "in a moment" : "just now";
}

/** `2026-11-24 15:23:41 UTC` */
export function utcTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Where an exact time is read: where the operator is, or everywhere the same. */
export type TimeZone = "local" | "utc";

export function otherZone(zone: TimeZone): TimeZone {
  return zone === "utc" ? "local" : "utc";
}

/** `2026-11-24 16:23:41 GMT+1` in local time, or as {@link utcTime}. Local time names its offset, so that both are unambiguous. */
export function exactTime(atMs: number, zone: TimeZone): string {
  const at = new Date(atMs);
  const offsetMinutes = -at.getTimezoneOffset();
  if (zone === "utc" || offsetMinutes === 0) return utcTime(atMs);
  const local = new Date(atMs + offsetMinutes * 60_000).toISOString().slice(0, 19).replace("T", " ");
  const [hours, minutes] = [Math.trunc(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
  const sign = offsetMinutes < 0 ? "-" : "+";
  return `${local} GMT${sign}${hours}${minutes === 0 ? "" : `:${String(minutes).padStart(2, "0")}`}`;
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
