import { errorCode } from "../platform/error-code.ts";
import { type CliContext, note } from "./context.ts";

/**
 * Renews something every `periodMs` milliseconds. The first failure ends it with a note: the files may have been removed, or the
 * disk be full, and the command goes on.
 *
 * @param what what isn't renewed any more, for the note @returns what ends it
 */
export function keepRenewed(context: CliContext, what: string, periodMs: number, renew: () => void): () => void {
  const timer = setInterval(() => {
    try {
      renew();
    } catch (error) {
      clearInterval(timer);
      note(context, `${what} isn't renewed any more (${errorCode(error)}).`);
    }
  }, periodMs);
  return () => clearInterval(timer);
}
