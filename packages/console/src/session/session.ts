/**
 * What the page knows of the operator's session: whether an operator is signed in, and which requests wait for a new sign-in. The
 * session itself is in a cookie that no script can read. The dialogs and the form for signing in are here too.
 */
import { useSyncExternalStore } from "react";

/** `unknown` until the API has named the caller; `ended` once it refuses an operator who was signed in. */
type State = "unknown" | "live" | "ended";

let state: State = "unknown";
/** The operator whose page this is; `undefined` while no operator is signed in. */
let operatorId: number | undefined;
const listeners = new Set<() => void>();
/** Resume the requests that wait for a sign-in. */
let waiting: (() => void)[] = [];

/** Resume the changes that wait for a fresh sign-in, with whether there was one. */
let unproven: ((isProven: boolean) => void)[] = [];

function enter(next: State): void {
  state = next;
  notifyListeners();
}

function notifyListeners(): void {
  for (const listener of listeners) listener();
}

/** Who is signed in, according to the API. */
interface SignedIn {
  readonly operator: { readonly id: number } | null;
}

/**
 * Records that the API has named the signed-in operator, and resumes the waiting requests. If this isn't the operator whose page this
 * is, it drops them and reloads the page, so that a change one operator prepared is never sent in another operator's name.
 *
 * @returns `false` if the page reloads
 */
export function noteSignedIn({ operator }: SignedIn): boolean {
  if (operatorId !== undefined && operatorId !== operator?.id) {
    waiting = [];
    unproven = [];
    window.location.reload();
    return false;
  }
  operatorId = operator?.id;
  if (state !== "live") enter("live");
  const released = waiting;
  waiting = [];
  for (const release of released) release();
  return true;
}

/** The operator whose page this is. Every request names it, so that a sign-in in another tab doesn't change the caller. */
export function pageOperatorId(): number | undefined {
  return operatorId;
}

/** Records that the operator has signed out. */
export function noteSignedOut(): void {
  operatorId = undefined;
  waiting = [];
  unproven = [];
  enter("unknown");
}

export function wasSignedIn(): boolean {
  return state !== "unknown";
}

/** Shows the sign-in dialog, and resolves once the operator has signed in. */
export function untilSignedInAgain(): Promise<void> {
  if (state !== "ended") enter("ended");
  return new Promise((resolve) => waiting.push(resolve));
}

/** Asks for a fresh sign-in in a dialog. @returns `false` if the operator closed it */
export function untilProven(): Promise<boolean> {
  return new Promise((resolve) => {
    unproven = [...unproven, resolve];
    notifyListeners();
  });
}

/** Resumes the changes that wait for a fresh sign-in, or drops them. */
export function endProof(isProven: boolean): void {
  const released = unproven;
  unproven = [];
  notifyListeners();
  for (const release of released) release(isProven);
}

/** Whether a change is waiting for a fresh sign-in. */
export function useProofNeeded(): boolean {
  return useSyncExternalStore(listen, () => unproven.length > 0);
}

/** Whether the session has ended while a page was open. */
export function useSessionEnded(): boolean {
  return useSyncExternalStore(listen, () => state === "ended");
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
