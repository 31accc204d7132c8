import type { FoundCredential } from "@countersign/protocol";

/** A credential that was pasted elsewhere for the Explain page. */
export interface Given extends FoundCredential {
  /** Differs each time, also if the same text is given again. */
  readonly number: number;
}

// Only in memory: an address or the browser's history would keep it.
let given: Given | undefined;
let lastNumber = 0;
let listener: (() => void) | undefined;

/** Gives a credential to the Explain page, whether it is open or opens next. */
export function giveToExplain({ kind, text }: FoundCredential): void {
  lastNumber += 1;
  given = { kind, text, number: lastNumber };
  listener?.();
}

/** Takes the credential that was given, which is then kept by the caller alone. */
export function takeGiven(): Given | undefined {
  const taken = given;
  given = undefined;
  return taken;
}

/** Calls `heard` when a credential is given while the Explain page is open. @returns stops that */
export function onGiven(heard: () => void): () => void {
  listener = heard;
  return () => {
    if (listener === heard) listener = undefined;
  };
}
