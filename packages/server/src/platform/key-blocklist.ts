import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { IsPublished } from "../core/keys/weakness/key-examiner.ts";
import { OperatorError } from "../core/operator-error.ts";
import { errorProblem } from "./error-code.ts";

/**
 * Blocklists of keys whose private half is published: the package's own, a text with a hash and a source on each line, and files in
 * badkeys' format. Such a file is searched on disk, so that a list of millions costs no memory. It is opened for each key, so a file
 * that is replaced counts from the next key on.
 */

/** A record of badkeys' format: the first bytes of SHA-256 over the modulus, and one byte that is the number of a list. */
const RECORD_BYTES = 16;
const HASH_BYTES = 15;

/** How many records, evenly spread, are compared to find out whether a file is sorted. */
const SAMPLED_RECORDS = 512;

/** The package's list: in a checkout as in the package. */
const SHIPPED_LIST = new URL("../../data/published-keys.txt", import.meta.url);

/** Decides whether a modulus is on the package's list or on one of these. @throws {OperatorError} if a file can't be used */
export function createIsPublished(files: readonly string[]): IsPublished {
  let shipped: ReadonlySet<string> | undefined;
  return (hash) => {
    shipped ??= new Set(readFileSync(SHIPPED_LIST, "utf8").match(/^[0-9a-f]{64}/gm));
    const record = Buffer.from(hash);
    return (
      shipped.has(record.toString("hex")) || files.some((file) => withBlocklist(file, (list) => holds(list, record)))
    );
  };
}

/** Checks that each file can be used. @throws {OperatorError} one line that names the file and what is wrong with it */
export function checkKeyBlocklists(files: readonly string[]): void {
  for (const file of files) withBlocklist(file, () => undefined);
}

interface Blocklist {
  readonly length: number;
  /** The hash of a record. */
  readonly hashAt: (index: number) => Buffer;
}

function withBlocklist<Result>(file: string, use: (list: Blocklist) => Result): Result {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    return use(openBlocklist(descriptor, file));
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw unusable(file, `it can't be read (${errorProblem(error)})`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function openBlocklist(descriptor: number, file: string): Blocklist {
  const stats = fstatSync(descriptor);
  if (!stats.isFile()) throw unusable(file, "it isn't a file");
  if (stats.size % RECORD_BYTES !== 0) {
    throw unusable(file, `its size, ${stats.size} bytes, isn't a multiple of ${RECORD_BYTES}`);
  }
  const list: Blocklist = {
    length: stats.size / RECORD_BYTES,
    hashAt(index) {
      const record = Buffer.alloc(RECORD_BYTES);
      if (readSync(descriptor, record, 0, RECORD_BYTES, index * RECORD_BYTES) !== RECORD_BYTES) {
        throw unusable(file, "it was cut off while it was read");
      }
      return record.subarray(0, HASH_BYTES);
    },
  };
  if (!isSorted(list)) throw unusable(file, "its records aren't sorted");
  return list;
}

function isSorted({ length, hashAt }: Blocklist): boolean {
  const step = Math.max(1, Math.floor(length / SAMPLED_RECORDS));
  let before: Buffer | undefined;
  for (let index = 0; index < length; index += step) {
    const hash = hashAt(index);
    if (before !== undefined && Buffer.compare(before, hash) > 0) return false;
    before = hash;
  }
  return true;
}

/** Binary search. */
function holds({ length, hashAt }: Blocklist, hash: Buffer): boolean {
  const sought = hash.subarray(0, HASH_BYTES);
  let [from, to] = [0, length];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const order = Buffer.compare(hashAt(middle), sought);
    if (order === 0) return true;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return false;
}

function unusable(file: string, problem: string): OperatorError {
  return new OperatorError(
    `COUNTERSIGN_KEY_BLOCKLIST: ${file} can't be used: ${problem}; a file in badkeys' format is needed, sorted records of ${RECORD_BYTES} bytes.`,
  );
}
