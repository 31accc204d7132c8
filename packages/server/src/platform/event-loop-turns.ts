/**
 * Makes a function that long work awaits between its parts. Each turn of the event loop resumes one caller, in the order of their
 * calls. However many exports and verifications run concurrently, a request waits for at most one part of one of them. With
 * `setImmediate` alone, every turn would run a part of each.
 */
export function createEventLoopTurns(): () => Promise<void> {
  const waiting: (() => void)[] = [];
  function giveTurn(): void {
    const first = waiting.shift();
    // An immediate scheduled from an immediate runs in the next turn of the loop.
    if (waiting.length > 0) setImmediate(giveTurn);
    first?.();
  }
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(giveTurn);
    });
}
