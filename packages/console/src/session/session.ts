/**
 * The session, as the page knows it: whether somebody is signed in, and what waits for somebody to be so again. Nothing of the
 * session itself is here; that is a cookie which no script can read.
 */
import { useSyncExternalStore } from "react";

/** `unknown` until the API has said who asks; `ended` once it refuses somebody who was signed in. */
type State = "unknown" | "live" | "ended";

let state: State = "unknown";
const listeners = new Set<() => void>();
let waiting: (() => void)[] = [];

function become(next: State): void {
  state = next;
  for (const listener of listeners) listener();
}

/** The API has answered somebody: whatever waited for that goes on. */
export function noteSignedIn(): void {
  if (state !== "live") become("live");
  const released = waiting;
  waiting = [];
  for (const release of released) release();
}

/** Nobody is signed in, and that was asked for. */
export function noteSignedOut(): void {
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

/** Has the session ended under a page that is open? */
export function useSessionEnded(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state === "ended",
  );
}
