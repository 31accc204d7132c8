import { LRUCache } from "lru-cache";

/** A window that isn't over. */
export interface CountingWindow {
  readonly count: number;
  readonly endsAtMs: number;
}

/**
 * Counts by name, in memory, in windows of one length. A window begins with a name's first count and is over at its end.
 * `nowMs` is a reading of the monotonic clock.
 */
export interface WindowCounter<Name> {
  /** Is nothing counted at all? Then there is no need to work out a name. */
  isEmpty(): boolean;
  find(name: Name, nowMs: number): CountingWindow | undefined;
  /** @returns the window's count, including this one */
  add(name: Name, nowMs: number): number;
}

/** @param namesMax how many names are counted at once; beyond that the one used longest ago is forgotten */
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
