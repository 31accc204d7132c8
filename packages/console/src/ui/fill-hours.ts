import type { UsageHours } from "../api/registry.ts";

/** One hour of the chart. */
export interface Hour {
  readonly atMs: number;
  readonly tokens: number;
}

/** The last `hours` hours, the current one last. Adds the hours without tokens, which the API leaves out. */
export function fillHours(usage: Pick<UsageHours, "hours">, hours: number, nowMs: number): readonly Hour[] {
  const byHour = new Map(usage.hours.map(({ hour, tokens }) => [Date.parse(hour), tokens]));
  const lastMs = Math.floor(nowMs / 3_600_000) * 3_600_000;
  return Array.from({ length: hours }, (_, at) => {
    const atMs = lastMs - (hours - 1 - at) * 3_600_000;
    return { atMs, tokens: byHour.get(atMs) ?? 0 };
  });
}
