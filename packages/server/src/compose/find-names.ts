import type { Config } from "../config/config.ts";
import type { NameKind, StoredName } from "../core/store/stored-name.ts";
import { dataFiles, requireStore } from "../platform/data-folder.ts";

/** Finds names in the configured store without opening it as a store, which would load far more and might change it. */
export async function findNames(
  { databaseUrl, dataDir, secretFileAccess }: Pick<Config, "databaseUrl" | "dataDir" | "secretFileAccess">,
  kind: NameKind,
  prefix: string,
): Promise<readonly StoredName[]> {
  if (databaseUrl !== undefined) {
    const { findPostgresNames } = await import("../storage/postgres/find-names.ts");
    return findPostgresNames(databaseUrl, kind, prefix);
  }
  requireStore(dataDir, secretFileAccess);
  const { findSqliteNames } = await import("../storage/sqlite/find-names.ts");
  return findSqliteNames(dataFiles(dataDir).database, kind, prefix);
}
