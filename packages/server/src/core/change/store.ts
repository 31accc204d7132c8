/** A creation that is remembered, so that asking again makes nothing new. */
export interface RememberedCreation {
  /** Who asked, as the audit log has it. */
  readonly principal: string;
  /** SHA-256 of the `Idempotency-Key`, in hex. */
  readonly keyHash: string;
  /** SHA-256 over what was asked, in hex. */
  readonly requestHash: string;
  /** What was made, such as `user:7`. */
  readonly subject: string;
  readonly createdAtMs: number;
}

/** Remembered creations within a change; see `core/change/once.ts`. */
export interface CreationTransaction {
  /** A creation that was made under this key before. */
  find(principal: string, keyHash: string): Promise<RememberedCreation | undefined>;
  insert(creation: RememberedCreation): Promise<void>;
}
