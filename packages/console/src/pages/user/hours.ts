import type { UsageHours } from "../../api/registry.ts";

/** An hour of a chart. */
export interface Hour {
  readonly atMs: number;
  readonly tokens: number;
}

/** Every hour of the last so many, the present one last; the API leaves those without tokens out. */
export function fillHours(usage: Pick<UsageHours, "hours">, hours: number, nowMs: number): readonly Hour[] {
  const byHour = new Map(usage.hours.map(({ hour, tokens }) => [Date.parse(hour), tokens]));
  const lastMs = Math.floor(nowMs / 3_600_000) * 3_600_000;
  return Array.from({ length: hours }, (_, at) => {
    const atMs = lastMs - (hours - 1 - at) * 3_600_000;
    return { atMs, tokens: byHour.get(atMs) ?? 0 };
  });
}
