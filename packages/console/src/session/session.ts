/**
 * The session, as the page knows it: whether somebody is signed in, and what waits for somebody to be so again. Nothing of the
 * session itself is here; that is a cookie which no script can read.
 */
import { useSyncExternalStore } from "react";

/** `unknown` until the API has said who asks; `ended` once it refuses somebody who was signed in. */
type State = "unknown" | "live" | "ended";

let state: State = "unknown";
/** Whose page this is; `undefined` while nobody has signed in. */
let operatorId: number | undefined;
const listeners = new Set<() => void>();
let waiting: (() => void)[] = [];

/** Changes that need a fresh sign-in, and are told whether there was one. */
let unproven: ((isProven: boolean) => void)[] = [];

function become(next: State): void {
  state = next;
  tellListeners();
}

function tellListeners(): void {
  for (const listener of listeners) listener();
}

/** An operator is signed in, as the API says. */
interface SignedIn {
  readonly operator: { readonly id: number } | null;
}

/**
 * The API has answered an operator, and what waited for that goes on. Where it is another than the one whose page this is, nothing
 * goes on: the page begins anew, so that no change of one operator is sent under the name of another.
 *
 * @returns whether the page stays
 */
export function noteSignedIn({ operator }: SignedIn): boolean {
  if (operatorId !== undefined && operatorId !== operator?.id) {
    waiting = [];
    unproven = [];
    window.location.reload();
    return false;
  }
  operatorId = operator?.id;
  if (state !== "live") become("live");
  const released = waiting;
  waiting = [];
  for (const release of released) release();
  return true;
}

/** Whose page this is. Each question says it, so that a sign-in in another tab doesn't change who asks. */
export function pageOperatorId(): number | undefined {
  return operatorId;
}

/** Nobody is signed in, and that was asked for. */
export function noteSignedOut(): void {
  operatorId = undefined;
  waiting = [];
  unproven = [];
  become("unknown");
}

export function wasSignedIn(): boolean {
  return state !== "unknown";
}

/** Shows the sign-in over the page, and resolves once somebody has signed in there. */
export function untilSignedInAgain(): Promise<void> {
  if (state !== "ended") become("ended");
  return new Promise((resolve) => waiting.push(resolve));
}

/** Asks for a sign-in over the page. @returns whether there was one; `false` where the operator thought better of it */
export function untilProven(): Promise<boolean> {
  return new Promise((resolve) => {
    unproven = [...unproven, resolve];
    tellListeners();
  });
}

/** What waited for a fresh sign-in goes on, or is given up. */
export function endProof(isProven: boolean): void {
  const released = unproven;
  unproven = [];
  tellListeners();
  for (const release of released) release(isProven);
}

/** Does a change wait for a fresh sign-in? */
export function useProofNeeded(): boolean {
  return useSyncExternalStore(listen, () => unproven.length > 0);
}

/** Has the session ended under a page that is open? */
export function useSessionEnded(): boolean {
  return useSyncExternalStore(listen, () => state === "ended");
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
