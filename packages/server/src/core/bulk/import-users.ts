import type { Account } from "../accounts/model.ts";
import type { AccountStore } from "../accounts/store.ts";
import type { Author, ChangeTx } from "../change/change-tx.ts";
import type { Commit, CommitOptions } from "../change/commit.ts";
import type { AdmittedKey, AdmitKeys } from "../keys/admit-key.ts";
import { ADMITTED_BYTES_MAX } from "../keys/admit-key.ts";
import type { KeyId } from "../keys/model.ts";
import type { KeyStore } from "../keys/store.ts";
import { Refusal } from "../refusal.ts";
import { usernameOf } from "../users/changes.ts";
import { OutdatedComparison } from "./batch-tx.ts";
import { type ExaminedRow, importRows, type RowResult } from "./import-rows.ts";
import type { ImportRow } from "./import-row.ts";

/** How many rows are examined together, and how many are one transaction. */
export const EXAMINED_ROWS = 2048;
export const COMMITTED_ROWS = 500;

/** How many batches are being examined while one is compared and committed. */
const BATCHES_AHEAD = 2;

/** How often a transaction is tried while the store can't be written, and the pause before the next try, in milliseconds. */
const TRIES_MAX = 10;
const RETRY_MS = 1000;

/** How often a batch is compared anew because others have added many keys meanwhile, such as another import. */
const COMPARISONS_MAX = 100;

/** The pause between two transactions, in milliseconds, in which another process can write. */
const YIELD_MS = 10;

/** A row as it was read: with its place, and what it says or why it can't be used. */
export interface ReadRow<Place> {
  readonly place: Place;
  readonly row: ImportRow | Refusal;
}

/** What became of a row. */
export interface ImportedRow<Place> {
  readonly place: Place;
  readonly result: RowResult | Refusal;
}

export interface ImportDependencies {
  readonly commit: Commit;
  readonly admitKeys: AdmitKeys;
  readonly store: {
    readonly keys: Pick<KeyStore, "findByModulusHashes">;
    readonly accounts: Pick<AccountStore, "find">;
  };
  readonly author: Author;
  /** Waits for so many milliseconds. */
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** Rows whose keys are being examined. */
interface Batch<Place> {
  readonly rows: readonly ReadRow<Place>[];
  readonly admitted: () => Promise<ReadonlyMap<ImportRow, AdmittedKey | Refusal>>;
}

/**
 * Imports any number of rows in constant memory: it examines the keys of the next rows while it writes the ones before. Each
 * transaction has up to {@link COMMITTED_ROWS} rows, each change its own event. If it ends early, what was committed stays, and another
 * run finds it unchanged.
 *
 * @returns what became of the rows, in their order, after each transaction
 * @throws {Refusal} `unavailable` if keys can't be examined, or the store can't be written for {@link TRIES_MAX} tries
 */
export async function* importUsers<Place>(
  rows: AsyncIterable<ReadRow<Place>>,
  dependencies: ImportDependencies,
): AsyncGenerator<readonly ImportedRow<Place>[]> {
  const batches: Batch<Place>[] = [];
  for await (const batchRows of batchesOf(rows)) {
    batches.push(await beginBatch(batchRows, dependencies));
    const first = batches.length > BATCHES_AHEAD ? batches.shift() : undefined;
    if (first !== undefined) yield* importBatch(first, dependencies);
  }
  for (const batch of batches) yield* importBatch(batch, dependencies);
}

async function* batchesOf<Place>(rows: AsyncIterable<ReadRow<Place>>): AsyncGenerator<readonly ReadRow<Place>[]> {
  let batch: ReadRow<Place>[] = [];
  let bytes = 0;
  for await (const row of rows) {
    const keyBytes = row.row instanceof Refusal ? 0 : (row.row.key?.parsed.modulus.length ?? 0);
    if (batch.length === EXAMINED_ROWS || bytes + keyBytes > ADMITTED_BYTES_MAX) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(row);
    bytes += keyBytes;
  }
  if (batch.length > 0) yield batch;
}

async function beginBatch<Place>(
  rows: readonly ReadRow<Place>[],
  { admitKeys, store, author }: Pick<ImportDependencies, "admitKeys" | "store" | "author">,
): Promise<Batch<Place>> {
  const all = rows.flatMap(({ row }) => (row instanceof Refusal || row.key === undefined ? [] : [row]));
  const withKey = await withoutRegistered(all, store);
  const finish = admitKeys(
    withKey.flatMap(({ key }) => key?.parsed ?? []),
    author.actor,
  );
  return {
    rows,
    async admitted() {
      if (withKey.length === 0) return new Map();
      const admitted = await finish();
      return new Map(withKey.flatMap((row, index) => (admitted[index] === undefined ? [] : [[row, admitted[index]]])));
    },
  };
}

/** Leaves out the rows whose user has the key already, as after an import that was interrupted: they add no key. */
async function withoutRegistered(
  rows: readonly ImportRow[],
  { keys, accounts }: ImportDependencies["store"],
): Promise<readonly ImportRow[]> {
  const hashOf = ({ key }: ImportRow) => key?.parsed.modulusHash ?? "";
  const registered = Map.groupBy(await keys.findByModulusHashes(rows.map(hashOf)), ({ modulusHash }) => modulusHash);
  if (registered.size === 0) return rows;
  const found = new Map<string, Account | undefined>();
  for (const { account } of rows) if (!found.has(account)) found.set(account, await accounts.find(account));
  return rows.filter((row) => {
    const account = found.get(row.account);
    const owner = account && usernameOf(account, row.name);
    return !(registered.get(hashOf(row)) ?? []).some(
      (key) => key.status !== "revoked" && key.username === owner && key.thumbprint === row.key?.parsed.thumbprint,
    );
  });
}

async function* importBatch<Place>(
  { rows, admitted }: Batch<Place>,
  { commit, author, pause }: ImportDependencies,
): AsyncGenerator<readonly ImportedRow<Place>[]> {
  let admittedKeys = await admitted();
  // The batch's keys were compared with each other.
  const comparedAlready = new Set<KeyId>();
  for (let at = 0; at < rows.length; at += COMMITTED_ROWS) {
    const part = rows.slice(at, at + COMMITTED_ROWS);
    const usable = part.flatMap(({ row }) => (row instanceof Refusal ? [] : [row]));
    const write = async () => {
      for (let comparisons = 1; ; comparisons++) {
        const examined = usable.map((row): ExaminedRow => ({ row, admitted: admittedKeys.get(row) }));
        try {
          return (await commit((tx) => importRows(tx, examined, comparedAlready), { author })).result;
        } catch (error) {
          if (!(error instanceof OutdatedComparison) || comparisons === COMPARISONS_MAX) throw error;
          admittedKeys = await admitted();
        }
      }
    };
    const results = usable.length === 0 ? [] : await retried(write, pause);
    for (const result of results) {
      if (!(result instanceof Refusal) && result.keyId !== null) comparedAlready.add(result.keyId);
    }
    let next = 0;
    yield part.map(({ place, row }) => ({ place, result: row instanceof Refusal ? row : resultAt(results, next++) }));
    await pause(YIELD_MS);
  }
}

function resultAt(results: readonly (RowResult | Refusal)[], index: number): RowResult | Refusal {
  const result = results[index];
  if (result === undefined) throw new Error("a row has no result");
  return result;
}

/** Repeats a transaction that the store didn't take. Even one that was made all the same does no harm: its rows are unchanged then. */
async function retried<Result>(work: () => Promise<Result>, pause: ImportDependencies["pause"]): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const mayRetry = error instanceof Refusal && error.code === "unavailable" && tries < TRIES_MAX;
      if (!mayRetry) throw error;
      await pause(RETRY_MS);
    }
  }
}

/** Makes a `Commit` that does all the work of a change and then rolls it back. */
export function createDryCommit(commit: Commit): Commit {
  return async <Result>(work: (tx: ChangeTx) => Promise<Result>, options: CommitOptions<Result>) => {
    const done: { readonly result: Result }[] = [];
    const rollback = new Error("a dry run changes nothing");
    try {
      await commit(
        async (tx) => {
          done.push({ result: await work(tx) });
          throw rollback;
        },
        { author: options.author },
      );
    } catch (error) {
      const [made] = done;
      if (error !== rollback || made === undefined) throw error;
      return { result: made.result, isRepeated: false };
    }
    throw new Error("a dry run was committed");
  };
}
