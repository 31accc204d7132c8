import type { Store } from "../core/store/store.ts";
import { openPostgresStore } from "../storage/postgres/open-postgres-store.ts";

/** Opens a PostgreSQL store by its URL alone, as other threads do. */
export function openTestPostgresStore(url: string): Promise<Store> {
  return openPostgresStore({ url, connectionsMax: 4 });
}
