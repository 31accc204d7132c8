/** The meaning of codes that an operator can act on but may not know. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EROFS", "the file system is read-only"],
]);

/** The system's error code, such as ENOENT. Unlike the error's text, it is safe to put into a message. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}

/** The code and, if it is in the table above, its meaning: `ENOSPC, the disk is full`. */
export function errorProblem(error: unknown): string {
  const code = errorCode(error);
  const meaning = MEANINGS.get(code);
  return meaning === undefined ? code : `${code}, ${meaning}`;
}
