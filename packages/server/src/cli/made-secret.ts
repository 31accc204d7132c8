import { OperatorError } from "../core/operator-error.ts";
import type { OperationAnswer } from "./operations.ts";

/**
 * The secret that an operation has just made.
 *
 * @throws {OperatorError} if the server made it for an answer that was lost, so that nobody can read it any more
 */
export function secretOf({ warnings }: OperationAnswer<unknown>, secret: string | null): string {
  if (secret !== null) return secret;
  throw new OperatorError(warnings[0]?.message ?? "The answer with the secret was lost; make another.");
}
