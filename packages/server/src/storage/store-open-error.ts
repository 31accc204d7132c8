import { OperatorError } from "../core/operator-error.ts";

/** The store can't be opened, or isn't one that this process can use. The message names it, without a password. */
export class StoreOpenError extends OperatorError {
  override readonly name = "StoreOpenError";
}

/** The database doesn't answer now, and may later: it is starting, stopping or cut off. */
export class StoreUnreachable extends StoreOpenError {}
