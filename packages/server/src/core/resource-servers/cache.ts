import { LRUCache } from "lru-cache";
import { createCacheReads } from "../feed/cache-reads.ts";
import type { FeedFollower } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";

/** How many resource servers are kept. */
const RESOURCE_SERVERS_MAX = 10_000;

/** How many ids that don't exist are remembered. */
const ABSENT_MAX = 20_000;

/** Resource servers by id. While the feed isn't fresh, every question goes to the store. */
export interface ResourceServerCache {
  /**
   * @param mayAsk whether the store may be asked; if not, a resource server that isn't in memory counts as absent
   * @throws {Refusal} `unavailable` if the store has to be asked and can't be
   */
  findResourceServer(
    id: ResourceServerId,
    mayAsk?: boolean,
  ): ResourceServer | undefined | Promise<ResourceServer | undefined>;
  figures(): { readonly hits: number; readonly misses: number };
}

/** An empty cache, which the feed evicts from. */
export function createResourceServerCache(
  store: Pick<Store, "resourceServers">,
  feed: Pick<FeedFollower, "isFresh" | "subscribe">,
): ResourceServerCache {
  const servers = new LRUCache<ResourceServerId, ResourceServer>({ max: RESOURCE_SERVERS_MAX });
  // Apart: ids that strangers make up must not push real ones out.
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
    findResourceServer(id, mayAsk = true) {
      if (feed.isFresh()) {
        const server = servers.get(id);
        if (server !== undefined || absent.get(id) === true) {
          hits++;
          return server;
        }
      }
      if (!mayAsk) return undefined;
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
