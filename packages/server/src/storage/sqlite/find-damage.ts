import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

/**
 * The largest file, in bytes, that is checked in full, including indexes against tables: an index that lacks an entry makes a lookup
 * find nothing, without an error. Measured: 10 s for 150 MB.
 */
const INDEXES_BYTES_MAX = 32 * 1024 * 1024;

/** The largest file, in bytes, of which every page and row is checked for its format. Measured: 1 s for 150 MB. */
const PAGES_BYTES_MAX = 1024 * 1024 * 1024;

/** The only tables checked in a larger file: small ones without which nothing works. */
const SMALL_TABLES = ["store_identity", "signing_keys", "resource_servers", "operators", "nodes"];

/** How many findings are reported. */
const FINDINGS_MAX = 3;

/**
 * Looks for damaged pages (sqlite.org/pragma, integrity_check and quick_check).
 *
 * @param pagesBytesMax the largest file of which every page is looked at; the time is spent in this thread
 * @returns what is damaged, if anything
 */
export function findDamage(
  database: DatabaseSync,
  file: string,
  pagesBytesMax: number = PAGES_BYTES_MAX,
): string | undefined {
  const { size } = statSync(file);
  if (size <= INDEXES_BYTES_MAX) return findingsOf(database, `integrity_check(${FINDINGS_MAX})`);
  if (size <= pagesBytesMax) return findingsOf(database, `quick_check(${FINDINGS_MAX})`);
  for (const table of SMALL_TABLES) {
    const found = findingsOf(database, `integrity_check(${table})`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findingsOf(database: DatabaseSync, pragma: string): string | undefined {
  const findings = database
    .prepare(`pragma ${pragma}`)
    .all()
    .flatMap((row) => Object.values(row).map(String))
    .filter((finding) => finding !== "ok");
  return findings.length === 0 ? undefined : findings.join("; ").replaceAll(/\s+/g, " ");
}
