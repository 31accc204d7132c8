/** Work that is done again and again until it is stopped. */
export interface Repeating {
  /** Resolves once a run under way has ended. */
  stop(): Promise<void>;
}

/**
 * Runs `work` every `intervalMs`, never two runs at once. It keeps no process alive.
 *
 * @param onError told where a run rejects, once for each unbroken series of failures
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
