import { Refusal } from "../core/refusal.ts";

/** The wait before a retry, in whole seconds. */
const RETRY_AFTER_SECONDS = 1;

/** For a write that failed before it could commit. */
export const NOTHING_CHANGED = "Nothing was changed.";

/** For a commit whose answer was lost. */
export const OUTCOME_UNKNOWN = "Whether the change was made isn't known; look before you try again.";

/**
 * The refusal of a request whose store doesn't work for a reason outside this program, such as a full disk or a lost connection.
 * Only operators see the message; listeners for other clients replace it.
 *
 * @param problem such as `the disk is full`; never holds a path, a password or a statement
 */
export function storeUnavailable(
  attempt: "read" | "written",
  problem: string,
  { cause, outcome }: { readonly cause?: unknown; readonly outcome?: string } = {},
): Refusal {
  const message = `The store can't be ${attempt}: ${problem}.${outcome === undefined ? "" : ` ${outcome}`}`;
  return new Refusal("unavailable", message, { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
}
