import type { ApiUserId } from "../users/model.ts";

/** A used assertion of an OAuth client. */
export interface UsedAssertion {
  readonly userId: ApiUserId;
  /** A hash of the `jti`, which is the client's text. */
  readonly jtiHash: string;
  /** Whole seconds since the epoch. From then on the assertion is refused as expired, and the record may be removed. */
  readonly expiresAtSeconds: number;
}

/** The used assertions. */
export interface AssertionStore {
  /**
   * Marks assertions as used.
   *
   * @returns for each, in their order, whether this was its first use
   */
  use(assertions: readonly UsedAssertion[]): Promise<readonly boolean[]>;
}
