import { OperatorError } from "../core/operator-error.ts";

/** The store can't be opened, or this process can't use it. The message names the store, without a password. */
export class StoreOpenError extends OperatorError {
  override readonly name = "StoreOpenError";
}

/** The database doesn't answer, but may answer later: it is starting, stopping or unreachable. */
export class StoreUnreachable extends StoreOpenError {}
