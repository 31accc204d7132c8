/**
 * Repeats a read of the store at most once in so many milliseconds, however often it is asked for, and shares a pending one. A
 * read that fails gives `undefined` until the next one is due.
 */
export function readAtMostEvery<Value>(
  everyMs: number,
  clock: { monotonicMs(): number },
  read: () => Promise<Value>,
): () => Promise<Value | undefined> {
  let last: { readonly atMs: number; readonly value: Promise<Value | undefined> } | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (last === undefined || nowMs - last.atMs >= everyMs) {
      last = { atMs: nowMs, value: read().catch(() => undefined) };
    }
    return last.value;
  };
}
