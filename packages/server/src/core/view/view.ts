/**
 * The view of the registry that requests read: caches and the deny-list, each a listener of the same change feed follower. Nothing
 * here writes to the store.
 */
import { type FeedFollower, followFeed } from "../feed/follow-feed.ts";
import { createResourceServerCache, type ResourceServerCache } from "../resource-servers/cache.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";
import { openRevokedTokens, type RevokedTokens } from "../token/revoked-tokens.ts";
import { createUserCache, type UserCache } from "./user-cache.ts";

/** Cache hits and misses, and the sizes of what is kept. */
export interface ViewFigures {
  readonly hits: number;
  readonly misses: number;
  readonly users: number;
  /** Tokens on the deny-list. */
  readonly revokedTokens: number;
}

/**
 * The view of the registry that requests read. A result is a promise only if the store must be read. While its feed isn't fresh, the
 * view reads the store for each decision.
 */
export interface RegistryView
  extends Pick<UserCache, "findUser" | "findKey">,
    Pick<ResourceServerCache, "findResourceServer">,
    Pick<RevokedTokens, "isTokenRevoked" | "forgetExpiredTokens"> {
  /** Keeps the view up to date. Other listeners may subscribe to it. */
  readonly feed: FeedFollower;
  figures(): ViewFigures;
}

/** Opens a view of the store as it is now. */
export async function openRegistryView(store: Store, clock: Clock, usersMax?: number): Promise<RegistryView> {
  const feed = await followFeed(store, clock);
  const users = createUserCache(store, feed, usersMax);
  const resourceServers = createResourceServerCache(store, feed);
  const revokedTokens = await openRevokedTokens(store, feed);
  return {
    feed,
    ...users,
    ...resourceServers,
    ...revokedTokens,
    figures() {
      const ofUsers = users.figures();
      const ofServers = resourceServers.figures();
      const ofTokens = revokedTokens.figures();
      return {
        hits: ofUsers.hits + ofServers.hits,
        misses: ofUsers.misses + ofServers.misses + ofTokens.misses,
        users: ofUsers.users,
        revokedTokens: ofTokens.revokedTokens,
      };
    },
  };
}
