import type { CliContext } from "./context.ts";

/** How often the line is written, in milliseconds. */
const EVERY_MS = 200;

const BAR_CELLS = 20;

/** A line on a terminal that shows how far a command got. */
export interface Progress {
  /** @param share 0 to 1 @param count how many items are done */
  update(share: number, count: number): void;
  /** Removes the line. */
  clear(): void;
}

/** @param what the items, such as `rows`. Nothing is written unless standard error is a terminal */
export function createProgress({ stderr, clock }: Pick<CliContext, "stderr" | "clock">, what: string): Progress {
  const startedMs = clock.monotonicMs();
  let writtenMs = Number.NEGATIVE_INFINITY;
  if (stderr.isTTY !== true) return { update: () => undefined, clear: () => undefined };
  return {
    update(share, count) {
      const nowMs = clock.monotonicMs();
      if (nowMs - writtenMs < EVERY_MS) return;
      writtenMs = nowMs;
      stderr.write(`\r${progressLine(share, count, nowMs - startedMs, what)}\u001b[K`);
    },
    clear() {
      if (writtenMs > 0) stderr.write("\r\u001b[K");
    },
  };
}

/** Such as `[######    ] 60 %, 6,000 rows, 500/s, 8 s left`. */
export function progressLine(share: number, count: number, elapsedMs: number, what: string): string {
  const done = Math.min(1, Math.max(0, share));
  const filled = Math.round(done * BAR_CELLS);
  const bar = `[${"#".repeat(filled)}${" ".repeat(BAR_CELLS - filled)}]`;
  const perSecond = elapsedMs === 0 ? 0 : Math.round((count * 1000) / elapsedMs);
  const left = done === 0 ? undefined : (elapsedMs * (1 - done)) / done;
  const parts = [
    `${bar} ${Math.floor(done * 100)} %`,
    `${count.toLocaleString("en")} ${what}`,
    `${perSecond.toLocaleString("en")}/s`,
    ...(left === undefined ? [] : [`${spanText(left)} left`]),
  ];
  return parts.join(", ");
}

function spanText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
