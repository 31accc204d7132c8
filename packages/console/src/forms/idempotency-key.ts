import { useState } from "react";

/**
 * One `Idempotency-Key` per opening of a dialog: pressing its button several times makes one change. `crypto.randomUUID` won't do,
 * because browsers have it only over https and on localhost.
 */
export function useIdempotencyKey(): string {
  const [key] = useState(() =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  );
  return key;
}
