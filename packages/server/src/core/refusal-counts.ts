import type { RefusalCode } from "@countersign/protocol";
import type { RefusalHour, UsageStore } from "./keys/usage-store.ts";
import type { Clock } from "./surroundings.ts";

const HOUR_MS = 3_600_000;

/** Counts refused requests by hour and code, in memory. They are written every few seconds; a crash loses what wasn't written yet. */
export interface RefusalCounts {
  record(code: RefusalCode): void;
  /** Writes the counts since the last flush. If that fails, keeps them for the next one and rejects. */
  flush(): Promise<void>;
}

export function createRefusalCounts(
  usage: Pick<UsageStore, "recordRefusals">,
  clock: Pick<Clock, "wallMs">,
): RefusalCounts {
  /** By code, then by hour: its start in whole seconds since the epoch. */
  let pending = new Map<string, Map<number, number>>();

  function add(code: string, hourSeconds: number, refusals: number): void {
    const hours = pending.get(code) ?? new Map<number, number>();
    hours.set(hourSeconds, (hours.get(hourSeconds) ?? 0) + refusals);
    pending.set(code, hours);
  }

  return {
    record(code) {
      add(code, (Math.floor(clock.wallMs() / HOUR_MS) * HOUR_MS) / 1000, 1);
    },
    async flush() {
      if (pending.size === 0) return;
      const flushing: RefusalHour[] = [...pending].flatMap(([code, hours]) =>
        [...hours].map(([hourSeconds, refusals]) => ({ hourSeconds, code, refusals })),
      );
      pending = new Map();
      try {
        await usage.recordRefusals(flushing);
      } catch (error) {
        for (const { code, hourSeconds, refusals } of flushing) add(code, hourSeconds, refusals);
        throw error;
      }
    },
  };
}
