/** The system's name for what went wrong, such as ENOENT: fit for a message, as the error's own text often isn't. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
