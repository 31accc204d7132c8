import { useState } from "react";

/**
 * Reads something as soon as a dialog opens, so that it is there when a button is pressed. A failed reading is tried again then.
 *
 * @returns what was read; each time the same until it failed
 */
export function useRead<Value>(read: () => Promise<Value>): () => Promise<Value> {
  const [reading, setReading] = useState(() => settled(read()));
  return async () => {
    const result = await reading;
    if (!(result instanceof Failure)) return result;
    const again = read();
    setReading(settled(again));
    return again;
  };
}

class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** A promise that is looked at later: until then its failure is a value. */
function settled<Value>(promise: Promise<Value>): Promise<Value | Failure> {
  return promise.catch((error: unknown) => new Failure(error));
}
