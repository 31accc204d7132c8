/** Limits how much work runs at once. Callers without a place wait in order. */
export interface Slots {
  /**
   * Takes a place, and resolves with the function that gives it back.
   *
   * @throws where the signal is aborted first
   */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(max: number): Slots {
  let taken = 0;
  const waiting = new Set<() => void>();

  function leave(): void {
    const [next] = waiting;
    if (next === undefined) taken--;
    else next();
  }

  return {
    async enter(signal) {
      signal.throwIfAborted();
      if (taken < max) {
        taken++;
        return leave;
      }
      return await new Promise((resolve, reject) => {
        const giveUp = () => {
          waiting.delete(next);
          reject(signal.reason as Error);
        };
        // The place passes directly to the next caller, so that no other takes it in between.
        const next = () => {
          waiting.delete(next);
          signal.removeEventListener("abort", giveUp);
          resolve(leave);
        };
        waiting.add(next);
        signal.addEventListener("abort", giveUp, { once: true });
      });
    },
  };
}
