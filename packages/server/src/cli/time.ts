import { DURATION_FORM, parseDurationMs } from "../config/duration.ts";
import { WrongUsage } from "./context.ts";

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;
const SECOND = ["second", 1] as const;

/** `3 minutes ago`, `in 2 days`, `just now`; a dash for no time. */
export function relativeTime(atMs: number | null, nowMs: number): string {
  if (atMs === null) return "-";
  const seconds = (atMs - nowMs) / 1000;
  if (Math.abs(seconds) < 5) return "just now";
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? SECOND;
  const count = Math.round(Math.abs(seconds) / length);
  // Intl.RelativeTimeFormat writes the same. Loading its data would take a tenth of the time that a command takes.
  const amount = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds < 0 ? `${amount} ago` : `in ${amount}`;
}

/** Reads a duration such as `90d`. @returns milliseconds, never zero @throws {WrongUsage} */
export function parseDuration(text: string): number {
  const milliseconds = parseDurationMs(text);
  if (milliseconds === undefined || milliseconds === 0) throw new WrongUsage(`A duration must be ${DURATION_FORM}.`);
  return milliseconds;
}
