/** A remembered creation, so that a repeated request creates nothing new. */
export interface RememberedCreation {
  /** The caller's name in the audit log. */
  readonly principal: string;
  /** SHA-256 of the `Idempotency-Key`, in hex. */
  readonly keyHash: string;
  /** SHA-256 of the request, in hex. */
  readonly requestHash: string;
  /** The created resource, such as `user:7`. */
  readonly subject: string;
  readonly createdAtMs: number;
}

/** Reads and writes remembered creations in a transaction; see `core/change/once.ts`. */
export interface CreationTransaction {
  /** Finds an earlier creation under this key. */
  find(principal: string, keyHash: string): Promise<RememberedCreation | undefined>;
  insert(creation: RememberedCreation): Promise<void>;
}
