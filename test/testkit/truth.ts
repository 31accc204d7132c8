/**
 * What was true of a key while a request was under way, by the changes made to it. All times are of {@link monotonicMs}.
 */

/** A change holds everywhere within this many milliseconds of its acknowledgement (docs/wire.md, Revocation). */
export const HOLDS_MS = 100;

/** No answer is older than this, whatever has failed (docs/wire.md, Revocation). */
export const STALENESS_MS_MAX = 5000;

export type Standing = "active" | "deactivated";

/** A change of a key. It may take hold from `beganMs` on, and has to from `endedMs` on. */
export interface KeyChange {
  readonly keyId: number;
  readonly standing: Standing;
  /** Before the change was requested. */
  readonly beganMs: number;
  /** When it was acknowledged, as the command line does by printing its answer, or failed. */
  readonly endedMs: number;
  /** Why it failed; whether it was made is unknown then. */
  readonly failure?: string | undefined;
}

/**
 * What held from a request's beginning to its end: the last change that had begun by its end, if that was acknowledged by its
 * beginning. `undefined` if a change was under way or had failed: either answer is right.
 *
 * @param changes of one key, in order, none under way while another was; before the first, the key is active
 */
export function truthFor(
  changes: readonly KeyChange[],
  request: { readonly beganMs: number; readonly endedMs: number },
): { readonly standing: Standing; readonly sinceMs: number } | undefined {
  const last = changes.findLast(({ beganMs }) => beganMs <= request.endedMs);
  if (last === undefined) return { standing: "active", sinceMs: -Infinity };
  const isCertain = last.failure === undefined && last.endedMs <= request.beganMs;
  return isCertain ? { standing: last.standing, sinceMs: last.endedMs } : undefined;
}
