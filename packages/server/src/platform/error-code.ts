/** What a code means, where an operator can do something about it that the code alone doesn't say. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EROFS", "the file system is read-only"],
]);

/** The system's name for what went wrong, such as ENOENT: fit for a message, as the error's own text often isn't. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}

/** The same in words, where there are any: `ENOSPC, the disk is full`. */
export function errorProblem(error: unknown): string {
  const code = errorCode(error);
  const meaning = MEANINGS.get(code);
  return meaning === undefined ? code : `${code}, ${meaning}`;
}
