import { useState } from "react";
import type { Versioned } from "../api/client.ts";
import { isConflict } from "./form-dialog.tsx";

/** The version of something that a dialog changes. */
export interface Version<Value> {
  /** What is there now, once another operator has changed it while the dialog was open. */
  readonly newer: Versioned<Value> | undefined;
  /**
   * Makes a change to the version that was read when the dialog opened or, after a conflict, to the newer one that it then showed.
   *
   * @throws what `change` throws; after a conflict `newer` is set
   */
  readonly apply: <Result>(change: (current: Versioned<Value>) => Promise<Result>) => Promise<Result>;
}

/**
 * Reads something as soon as a dialog opens, so that it is there when the operator presses the button, and detects changes made by
 * others in the meantime. A failed read is tried again when the button is pressed.
 */
export function useVersion<Value>(read: () => Promise<Versioned<Value>>): Version<Value> {
  const [first, setFirst] = useState(() => settle(read()));
  const [newer, setNewer] = useState<Versioned<Value>>();

  async function readFirst(): Promise<Versioned<Value>> {
    const result = await first;
    if (result !== undefined) return result;
    const again = read();
    setFirst(settle(again));
    return await again;
  }

  return {
    newer,
    async apply(change) {
      try {
        return await change(newer ?? (await readFirst()));
      } catch (error) {
        if (isConflict(error as Error)) setNewer(await read());
        throw error;
      }
    },
  };
}

/** Turns a rejection into `undefined`, because the promise may be looked at only later. */
function settle<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  return promise.catch(() => undefined);
}
