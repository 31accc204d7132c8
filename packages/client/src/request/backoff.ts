import { RETRY_AFTER_SECONDS_MAX } from "../countersign-error.ts";
import type { Random } from "../surroundings.ts";

/** Bounds of the pause after a failed attempt, in milliseconds. */
const PAUSE_MS_FIRST = 250;
const PAUSE_MS_MAX = 8000;

/**
 * How long to pause after `failures` failed attempts in a row, in milliseconds: it doubles, with jitter
 * between half and all of it, so that clients which failed together don't return together.
 */
export function pauseMs(failures: number, random: Random): number {
  const ceiling = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** (failures - 1));
  return ceiling * (0.5 + random() / 2);
}

/**
 * A `Retry-After` in seconds: a number, or a date (RFC 9110 §10.2.3) relative to the answer's own `Date`, so that
 * the client's clock needn't be right. From 0 to {@link RETRY_AFTER_SECONDS_MAX}; `undefined` if missing or malformed.
 */
export function parseRetryAfter(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get("retry-after")?.trim() ?? "";
  const seconds = /^[0-9]+$/.test(value) ? Number(value) : secondsUntil(value, parseDate(headers) ?? nowMs);
  return seconds === undefined ? undefined : Math.min(Math.max(0, seconds), RETRY_AFTER_SECONDS_MAX);
}

function secondsUntil(date: string, nowMs: number): number | undefined {
  const thenMs = Date.parse(date);
  return Number.isNaN(thenMs) ? undefined : (thenMs - nowMs) / 1000;
}

/** The answer's `Date` (RFC 9110 §6.6.1), in milliseconds since the epoch; `undefined` if missing or malformed. */
export function parseDate(headers: Headers): number | undefined {
  const dateMs = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(dateMs) ? undefined : dateMs;
}
