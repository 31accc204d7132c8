/** Resource servers: their model, changes and authentication. */
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

export type ResourceServerId = Branded<"ResourceServerId">;

/** An API that introspects tokens. It holds a secret, of which the store keeps a hash. */
export interface ResourceServer {
  readonly id: ResourceServerId;
  /** `rs-<id>`, its OAuth client id. */
  readonly clientId: string;
  /** Unique; lower-case letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  readonly status: Standing;
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string;
  /** The secret before the last rotation, which works until the grace period ends. */
  readonly previousSecret: { readonly hash: string; readonly endsAtMs: number } | null;
  readonly createdAtMs: number;
}
