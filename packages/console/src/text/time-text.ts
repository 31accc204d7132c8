/** Times in words. The caller passes the clock. */
import { relativeAmount } from "@countersign/protocol";
import { locale, t } from "./t.ts";

const relative = new Intl.RelativeTimeFormat(locale);

/**
 * In the unit and rounded as on the command line, in the language of the console. Within a minute it is `just now` or `in a moment`:
 * the page's clock isn't finer.
 */
export function relativeTime(atMs: number, nowMs: number): string {
  if (Math.abs(atMs - nowMs) < 60_000) return atMs > nowMs ? t("time.inAMoment") : t("time.justNow");
  const { count, unit } = relativeAmount(atMs, nowMs);
  return relative.format(count, unit);
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

const days = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const hours = new Intl.DateTimeFormat(locale, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZone: "UTC",
});

/** `Tue 24 Nov, 15:00–16:00 UTC`, for the hour that starts at `atMs`. */
export function utcHour(atMs: number): string {
  return t("time.utcHour", { day: days.format(atMs), start: hours.format(atMs), end: hours.format(atMs + 3_600_000) });
}
