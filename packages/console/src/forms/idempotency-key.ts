import { useState } from "react";

/**
 * One `Idempotency-Key` for each opening of a dialog: however often its button is pressed, one thing is made. Not by
 * `crypto.randomUUID`, which pages have only over https and on localhost.
 */
export function useIdempotencyKey(): string {
  const [key] = useState(() =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  );
  return key;
}
