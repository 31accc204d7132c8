/** Resource servers: what one is, how it changes and how it authenticates. */
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

export type ResourceServerId = Branded<"ResourceServerId">;

/** An API that asks about tokens. It knows its secret; the store holds a hash of it. */
export interface ResourceServer {
  readonly id: ResourceServerId;
  /** `rs-<id>`: what it calls itself when it asks. */
  readonly clientId: string;
  /** Unique; lower-case letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  readonly status: Standing;
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string;
  /** The secret before the last rotation, while that is still good. */
  readonly previousSecret: { readonly hash: string; readonly endsAtMs: number } | null;
  readonly createdAtMs: number;
}
