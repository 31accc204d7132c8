import type { Config } from "../config/config.ts";
import { publicListenerUrl } from "../config/listener-urls.ts";
import type { PublicUrls } from "../core/key-statements/verify-key-proof.ts";
import { LIVE_NODE_MS } from "../core/signing-keys/changes.ts";
import type { Store } from "../core/store/store.ts";

/**
 * The URLs at which clients reach the service, for a process that doesn't serve them: as configured, those of the nodes that serve
 * now, or the default.
 */
export async function findPublicUrls(config: Config, store: Pick<Store, "nodes">): Promise<PublicUrls> {
  if (config.publicUrl !== undefined) return [config.publicUrl];
  const nodes = await store.nodes.listLive(LIVE_NODE_MS);
  const [first, ...others] = new Set(nodes.map(({ publicUrl }) => publicUrl).filter((url) => url !== null));
  return first === undefined ? [publicListenerUrl(config)] : [first, ...others];
}
