import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";

/** Resource servers, as the store reads them outside of changes. */
export interface ResourceServerStore {
  list(): Promise<readonly ResourceServer[]>;
  find(name: string): Promise<ResourceServer | undefined>;
  load(id: ResourceServerId): Promise<ResourceServer | undefined>;
  /** Key `[id]`; the oldest first. `search` begins the name. */
  page(
    filter: { readonly status?: Standing | undefined; readonly search?: string | undefined },
    page: PageRequest,
  ): Promise<Page<ResourceServer>>;
}

/** Resource servers within a change. */
export interface ResourceServerTransaction {
  find(name: string): Promise<ResourceServer | undefined>;
  insert(server: Pick<ResourceServer, "name" | "secretHash" | "createdAtMs">): Promise<ResourceServer>;
  update(
    id: ResourceServerId,
    values: Partial<Pick<ResourceServer, "status" | "secretHash" | "previousSecret">>,
  ): Promise<void>;
}
