/**
 * Makes a function for long work to await between its parts. It resolves one caller in each turn of the event loop, in the order in which
 * they called: however many exports and verifications run at once, a request waits for a part of one of them and no more. With
 * `setImmediate` alone, a turn would hold a part of each.
 */
export function createEventLoopTurns(): () => Promise<void> {
  const waiting: (() => void)[] = [];
  function giveTurn(): void {
    const first = waiting.shift();
    // Within an immediate, this one runs in the next turn of the loop.
    if (waiting.length > 0) setImmediate(giveTurn);
    first?.();
  }
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(giveTurn);
    });
}
