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

/** The share of the windows that is forgotten at once when there are too many. */
const FORGOTTEN_PART = 0.1;

/** @param namesMax how many names are counted at a time; beyond that, the windows that began first are forgotten */
export function createWindowCounter<Name extends string | number>(
  windowSeconds: number,
  namesMax: number,
): WindowCounter<Name> {
  // In the order in which they began. An LRUCache would reserve memory for all names when it is made, which takes 50 ms.
  const windows = new Map<Name, { count: number; readonly endsAtMs: number }>();

  function find(name: Name, nowMs: number) {
    const window = windows.get(name);
    return window !== undefined && nowMs < window.endsAtMs ? window : undefined;
  }

  /** Many at once: looking for the first one of a map steps over what was deleted before it. */
  function forgetFirst(): void {
    let left = Math.max(1, Math.floor(namesMax * FORGOTTEN_PART));
    for (const name of windows.keys()) {
      windows.delete(name);
      if (--left === 0) return;
    }
  }

  return {
    isEmpty: () => windows.size === 0,
    find,
    add(name, nowMs) {
      const window = find(name, nowMs);
      if (window !== undefined) return ++window.count;
      windows.delete(name);
      if (windows.size >= namesMax) forgetFirst();
      windows.set(name, { count: 1, endsAtMs: nowMs + windowSeconds * 1000 });
      return 1;
    },
  };
}
