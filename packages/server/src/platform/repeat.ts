/** Work that runs periodically until it is stopped. */
export interface Repeating {
  /** Starts no more runs, and resolves once the current run has ended. */
  stop(): Promise<void>;
}

/** Repeating work whose progress can be watched. */
export interface WatchedRepeating extends Repeating {
  /** How long ago the last run ended, successfully or not, in milliseconds; before that, how long ago the timer was started. */
  idleMs(): number;
}

/**
 * Runs `work` every `intervalMs`, never two runs at a time. The timer doesn't keep the process alive.
 *
 * @param onError called when a run rejects, once for each unbroken series of failures
 */
export function repeat(
  intervalMs: number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): WatchedRepeating {
  let running: Promise<void> | undefined;
  let failing = false;
  let endedAtMs = performance.now();
  const timer = setInterval(() => {
    running ??= work()
      .then(() => {
        failing = false;
      })
      .catch((error: unknown) => {
        if (!failing) onError(error);
        failing = true;
      })
      .finally(() => {
        running = undefined;
        endedAtMs = performance.now();
      });
  }, intervalMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
    idleMs: () => performance.now() - endedAtMs,
  };
}
