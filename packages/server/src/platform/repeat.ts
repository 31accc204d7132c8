/** Work that runs periodically until it is stopped. */
export interface Repeating {
  /** Starts no more runs, and resolves once the current run has ended. */
  stop(): Promise<void>;
}

/**
 * Runs `work` every `intervalMs`, never two runs at a time. The timer doesn't keep the process alive.
 *
 * @param onError called when a run rejects, once for each unbroken series of failures
 */
export function repeat(intervalMs: number, work: () => Promise<void>, onError: (error: unknown) => void): Repeating {
  let running: Promise<void> | undefined;
  let failing = false;
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
      });
  }, intervalMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
