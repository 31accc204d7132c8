import type { NameKind, StoredName } from "../../core/store/stored-name.ts";
import { likePrefix, nameQuery, toStoredName } from "../name-queries.ts";
import { openExisting } from "./held-files.ts";

/** How long another process may keep the file locked, in milliseconds. */
const BUSY_MS_MAX = 500;

/** Finds names in a SQLite file. Reads only. @throws if it isn't a store, or its schema isn't this release's */
export function findSqliteNames(file: string, kind: NameKind, prefix: string): readonly StoredName[] {
  const database = openExisting(file, { readOnly: true, timeout: BUSY_MS_MAX });
  try {
    database.exec("pragma trusted_schema = off");
    return database.prepare(nameQuery(kind, "?")).all(likePrefix(prefix)).map(toStoredName);
  } finally {
    database.close();
  }
}
