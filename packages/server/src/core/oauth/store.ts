import type { ApiUserId } from "../users/model.ts";

/** An assertion of an OAuth client, which may be used once. */
export interface UsedAssertion {
  readonly userId: ApiUserId;
  /** Stands for the `jti`, which is the client's text. */
  readonly jtiHash: string;
  /** Whole seconds since the epoch; from then on the assertion is refused as expired, and this may be forgotten. */
  readonly expiresAtSeconds: number;
}

/** Assertions that are used up. */
export interface AssertionStore {
  /**
   * Notes that assertions are used up.
   *
   * @returns for each, in their order, whether this was its first use
   */
  use(assertions: readonly UsedAssertion[]): Promise<readonly boolean[]>;
}
