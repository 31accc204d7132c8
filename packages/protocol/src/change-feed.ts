import type { Access } from "./limits.ts";

/**
 * The change feed as verifiers receive it: Server-Sent Events whose ids are `<position>-<hash>`. Positions count up in commit
 * order. The hash covers everything up to there, so that a restored store isn't mistaken for the one before. A verifier that
 * resumes sends the whole id back.
 *
 * - `sync`: this node knows of nothing after the position. Sent once the stream has caught up, then every second while the
 *   node's own view is confirmed.
 * - `change`: something that concerns tokens changed; see {@link FeedChange}.
 * - `reset`: the changes between the requested position and this one aren't known. Forget everything that was cached.
 *
 * The data of each has the members of {@link FeedLink}.
 */
export type FeedEventName = "sync" | "change" | "reset";

/** Names the event before, so that a reader notices where one was withheld on its way. */
export interface FeedLink {
  /**
   * The whole id of the event that this stream sent before; of a resumed stream's first event, the id that it was resumed after.
   * `null` where there is none: in the first event of a new stream, and in a `reset`. Absent where the service is of an earlier version.
   */
  readonly previous?: string | null;
}

/**
 * The data of a `change`. Which members are present depends on the action. A verifier that doesn't know an action must
 * forget everything that it cached.
 */
export interface FeedChange {
  /** Such as `key.deactivated`: what it happened to, and what happened. */
  readonly action: string;
  /** The account's shortname. */
  readonly account?: string;
  readonly username?: string;
  readonly key_id?: number;
  /** The token's id, as introspection tells it. */
  readonly jti?: string;
}

/**
 * What introspection says of a good token (RFC 7662 §2.2); of any other it says `{"active":false}` and nothing more.
 *
 * `exp` is in whole seconds since the epoch; the token is invalid at equality.
 */
export interface IntrospectionGrant {
  readonly active: true;
  readonly token_type: "Bearer";
  readonly client_id: string;
  readonly username: string;
  readonly sub: string;
  readonly iss: string;
  readonly exp: number;
  readonly jti: string;
  readonly account: string;
  readonly access: Access;
  readonly user_id: number;
  readonly key_id: number;
}

/** The header in which introspection says which position of the change feed its answer reflects at least. */
export const FEED_POSITION_HEADER = "Countersign-Feed-Position";
