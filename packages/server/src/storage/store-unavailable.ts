import { Refusal } from "../core/refusal.ts";

/** Whole seconds after which trying again makes sense. */
const RETRY_AFTER_SECONDS = 1;

/** Of a write that failed before it could commit. */
export const NOTHING_CHANGED = "Nothing was changed.";

/** Of a commit whose answer didn't come. */
export const OUTCOME_UNKNOWN = "Whether the change was made isn't known; look before you try again.";

/**
 * The refusal of whatever needs a store that doesn't work now, for a reason outside of this program: a full disk, a lost
 * connection. Operators read the message; listeners for anybody else replace it.
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
