/**
 * The store isn't the one that this process opened (its file was moved, removed or replaced), or it is damaged. Nothing read from it
 * can be trusted. The message fits after `The store can't be read:` and holds no path.
 */
export class StoreBroken extends Error {
  override readonly name = "StoreBroken";
}

/** Is the error, or one of its causes, a {@link StoreBroken}? */
export function isStoreBroken(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof StoreBroken) return true;
  return false;
}
