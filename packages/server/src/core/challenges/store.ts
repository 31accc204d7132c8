/** A challenge of this service that hasn't expired. The transaction that accepts an answer marks it as used, by its hash. */
export interface OpenChallenge {
  /** SHA-256, in hex. */
  readonly hash: string;
  /** Milliseconds since the epoch; at this instant it has expired. */
  readonly expiresAtMs: number;
}

/** Records in a transaction which challenges were answered. */
export interface ChallengeTransaction {
  /**
   * Marks a challenge as used, until it expires. If the transaction is rolled back, it wasn't used.
   *
   * @returns whether this was its first use, on any node
   */
  use(challenge: OpenChallenge): Promise<boolean>;
}
