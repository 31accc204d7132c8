import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";

/** Reads resource servers outside of transactions. */
export interface ResourceServerStore {
  list(): Promise<readonly ResourceServer[]>;
  find(name: string): Promise<ResourceServer | undefined>;
  load(id: ResourceServerId): Promise<ResourceServer | undefined>;
  /** Oldest first; the page key is `[id]`. `search` is a prefix of the name. */
  page(
    filter: { readonly status?: Standing | undefined; readonly search?: string | undefined },
    page: PageRequest,
  ): Promise<Page<ResourceServer>>;
}

/** Reads and writes resource servers in a transaction. */
export interface ResourceServerTransaction {
  find(name: string): Promise<ResourceServer | undefined>;
  insert(server: Pick<ResourceServer, "name" | "secretHash" | "createdAtMs">): Promise<ResourceServer>;
  update(
    id: ResourceServerId,
    values: Partial<Pick<ResourceServer, "status" | "secretHash" | "previousSecret">>,
  ): Promise<void>;
}
