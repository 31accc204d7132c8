import { LRUCache } from "lru-cache";

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
  const windows = new LRUCache<Name, { count: number; readonly endsAtMs: number }>({ max: namesMax });

  function find(name: Name, nowMs: number) {
    const window = windows.get(name);
    return window !== undefined && nowMs < window.endsAtMs ? window : undefined;
  }

  return {
    isEmpty: () => windows.size === 0,
    find,
    add(name, nowMs) {
      const window = find(name, nowMs);
      if (window !== undefined) return ++window.count;
      windows.set(name, { count: 1, endsAtMs: nowMs + windowSeconds * 1000 });
      return 1;
    },
  };
}
