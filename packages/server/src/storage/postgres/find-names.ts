import pg from "pg";
import type { NameKind, StoredName } from "../../core/store/stored-name.ts";
import { likePrefix, nameQuery, toStoredName } from "../name-queries.ts";
import { connectionOptions } from "./pool.ts";

/** How long connecting and reading may take, in milliseconds each: somebody waits at a prompt. */
const MS_MAX = 1000;

/** Finds names in a PostgreSQL database. Reads only. @throws if it can't be reached, or its schema isn't this release's */
export async function findPostgresNames(url: string, kind: NameKind, prefix: string): Promise<readonly StoredName[]> {
  const client = new pg.Client({ ...connectionOptions(url), connectionTimeoutMillis: MS_MAX, query_timeout: MS_MAX });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("begin transaction read only");
    const { rows } = await client.query<Record<string, unknown>>(nameQuery(kind, "$1"), [likePrefix(prefix)]);
    return rows.map(toStoredName);
  } finally {
    await client.end().catch(() => undefined);
  }
}
