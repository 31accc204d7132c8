/** A window that hasn't ended. */
export interface CountingWindow {
  readonly count: number;
  readonly endsAtMs: number;
}

/**
 * Counts per name, in memory, in windows of a fixed length. A window begins with a name's first count; at the instant of its end it
 * is over. `nowMs` is a reading of the monotonic clock.
 */
export interface WindowCounter<Name> {
  /** Is nothing counted? If so, callers needn't compute a name. */
  isEmpty(): boolean;
  find(name: Name, nowMs: number): CountingWindow | undefined;
  /** Counts once. @returns the window's count, including this one */
  add(name: Name, nowMs: number): number;
}

/** @param namesMax how many names are counted at a time; beyond that, the least recently used one is forgotten */
export function createWindowCounter<Name extends string | number>(
  windowSeconds: number,
  namesMax: number,
): WindowCounter<Name> {
  // Sorted by their last use. An LRUCache would reserve memory for all names at once, and its start would take 50 ms.
  const windows = new Map<Name, { count: number; readonly endsAtMs: number }>();
  // One iterator for all: a new one would step over all that was forgotten before.
  const oldest = windows.keys();

  function use(name: Name, window: { count: number; readonly endsAtMs: number }): void {
    windows.delete(name);
    windows.set(name, window);
  }

  function find(name: Name, nowMs: number) {
    const window = windows.get(name);
    if (window === undefined) return undefined;
    use(name, window);
    return nowMs < window.endsAtMs ? window : undefined;
  }

  return {
    isEmpty: () => windows.size === 0,
    find,
    add(name, nowMs) {
      const window = find(name, nowMs);
      if (window !== undefined) return ++window.count;
      use(name, { count: 1, endsAtMs: nowMs + windowSeconds * 1000 });
      if (windows.size > namesMax) windows.delete(oldest.next().value as Name);
      return 1;
    },
  };
}
