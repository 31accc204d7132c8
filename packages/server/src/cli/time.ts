import { relativeTime as relativeTimeOf } from "@countersign/protocol";
import { DURATION_FORM, parseDurationMs } from "../config/duration.ts";
import { WrongUsage } from "./context.ts";

/** A time as every part of Countersign words it; a dash for no time. */
export function relativeTime(atMs: number | null, nowMs: number): string {
  return atMs === null ? "-" : relativeTimeOf(atMs, nowMs);
}

/** Reads a duration such as `90d`. @returns milliseconds, never zero @throws {WrongUsage} */
export function parseDuration(text: string): number {
  const milliseconds = parseDurationMs(text);
  if (milliseconds === undefined || milliseconds === 0) throw new WrongUsage(`A duration must be ${DURATION_FORM}.`);
  return milliseconds;
}
