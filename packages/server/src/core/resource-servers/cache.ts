import { LRUCache } from "lru-cache";
import { createCacheReads } from "../feed/cache-reads.ts";
import type { FeedFollower } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";

/** How many resource servers are cached. */
const RESOURCE_SERVERS_MAX = 10_000;

/** How many ids that don't exist are remembered. */
const ABSENT_MAX = 20_000;

/** Resource servers by id. While the feed isn't fresh, every lookup reads the store. */
export interface ResourceServerCache {
  /**
   * @param mayRead whether the store may be read; if not, a resource server that isn't in memory counts as absent
   * @throws {Refusal} `unavailable` if the store must be read and can't be
   */
  findResourceServer(
    id: ResourceServerId,
    mayRead?: boolean,
  ): ResourceServer | undefined | Promise<ResourceServer | undefined>;
  figures(): { readonly hits: number; readonly misses: number };
}

/** Creates an empty cache. Events of the feed evict from it. */
export function createResourceServerCache(
  store: Pick<Store, "resourceServers">,
  feed: Pick<FeedFollower, "isFresh" | "subscribe">,
): ResourceServerCache {
  const servers = new LRUCache<ResourceServerId, ResourceServer>({ max: RESOURCE_SERVERS_MAX });
  // A separate cache, so that made-up ids can't evict real ones.
  const absent = new LRUCache<ResourceServerId, true>({ max: ABSENT_MAX });
  const reads = createCacheReads<ResourceServerId, ResourceServer | undefined>(feed);
  let hits = 0;

  feed.subscribe({
    onEvents(events) {
      reads.discard();
      absent.clear();
      for (const { event } of events) {
        if ("resourceServerId" in event) servers.delete(event.resourceServerId);
        else if (event.action === "unknown") servers.clear();
      }
    },
    onReset() {
      reads.discard();
      absent.clear();
      servers.clear();
    },
  });

  return {
    findResourceServer(id, mayRead = true) {
      if (feed.isFresh()) {
        const server = servers.get(id);
        if (server !== undefined || absent.get(id) === true) {
          hits++;
          return server;
        }
      }
      if (!mayRead) return undefined;
      return reads.read(
        id,
        () => store.resourceServers.load(id),
        (server) => {
          if (server === undefined) absent.set(id, true);
          else servers.set(id, server);
        },
      );
    },
    figures: () => ({ hits, misses: reads.misses() }),
  };
}
