import { setTimeout } from "node:timers/promises";
import type { Flags } from "../config/config.ts";
import { findUnnamedProxy } from "../config/unnamed-proxy.ts";
import { parseImportRow, type ImportRowOptions, type RowFormat } from "../core/bulk/import-row.ts";
import { createDryCommit, importUsers, type ReadRow } from "../core/bulk/import-users.ts";
import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import { printable } from "../core/names.ts";
import { Refusal } from "../core/refusal.ts";
import { type CliAdministration, type CliContext, NegativeResult, print } from "./context.ts";
import { createAccountLookup, importOnServer, type RowOutcome } from "./import-on-server.ts";
import { createProgress } from "./progress.ts";
import { createFileCheck, type FileCheck } from "./rows/file-check.ts";
import { type ImportFile, openImportFile } from "./rows/import-file.ts";
import { type FileRow, readRows } from "./rows/read-rows.ts";
import { openRejects, type Rejects } from "./rows/rejects.ts";
import { noteTarget, type OpenedTarget, withTarget } from "./target.ts";

/** The options of `user import`. */
export interface ImportOptions extends Flags {
  readonly format?: RowFormat;
  readonly account?: string;
  readonly dryRun?: boolean;
  readonly rejects?: string;
  readonly json?: boolean;
}

/** How many problems are printed. A file of rejects has all of them. */
const PROBLEMS_SHOWN_MAX = 20;

/** Imports API users and their keys from a file; `-` is standard input. */
export async function importUserFile(context: CliContext, source: string, options: ImportOptions): Promise<void> {
  const file = await openImportFile(context, source);
  try {
    noteTarget(context, options);
    await withTarget(context, options, (target) => run(context, target, file, options));
  } finally {
    await file.close();
  }
}

/** What an import did, as `--json` prints it. */
interface Summary {
  rows: number;
  users_created: number;
  keys_added: number;
  unchanged: number;
  refused: number;
  dry_run: boolean;
  /** The first ones. */
  problems: { line: number; code: string; message: string }[];
}

async function run(context: CliContext, target: OpenedTarget, file: ImportFile, options: ImportOptions) {
  const format = options.format ?? (/\.(jsonl|ndjson)$/i.test(file.name) ? "jsonl" : "csv");
  const config = context.config(options);
  const { account } = options;
  // A server has its own settings, and refuses rows by them itself.
  const rowOptions: ImportRowOptions =
    target.server === undefined
      ? { account, unnamedProxy: findUnnamedProxy(config), keyProof: config.keyProof }
      : { account, unnamedProxy: undefined, keyProof: "optional" };
  const hasAccount = createAccountLookup({ operate: target.operate, pause: context.pause });
  const isDryRun = options.dryRun === true;
  const summary = emptySummary(isDryRun);
  const isQuiet = options.json === true;
  // Without a file for them, bad rows that can be told in advance stop the import before its first change.
  if (!isDryRun && options.rejects === undefined) {
    const progress = createProgress(context, "rows checked");
    const check = createRowCheck(hasAccount, createFileCheck());
    let rows = 0;
    for await (const { place, row } of parsedRows(file, format, rowOptions, check, (share) => {
      progress.update(share, rows);
    })) {
      rows++;
      if (row instanceof Refusal) note(context, summary, place, row, isQuiet);
    }
    progress.clear();
    if (summary.refused > 0) {
      summary.rows = rows;
      printSummary(context, summary, options);
      throw new NegativeResult();
    }
  }
  const rejects = options.rejects === undefined ? undefined : await openRejects(options.rejects, format);
  try {
    // A server would refuse all rows of a request for a name that no account can have.
    const fileCheck = isDryRun ? createFileCheck() : () => undefined;
    const check = isDryRun || target.server !== undefined ? createRowCheck(hasAccount, fileCheck) : undefined;
    await importFile(context, target, { file, format, rowOptions, check, summary, rejects, isQuiet });
  } finally {
    await rejects?.close();
  }
  printSummary(context, summary, options);
  if (summary.refused > 0) throw new NegativeResult();
}

interface Import {
  readonly file: ImportFile;
  readonly format: RowFormat;
  readonly rowOptions: ImportRowOptions;
  readonly check: RowCheck | undefined;
  readonly summary: Summary;
  readonly rejects: Rejects | undefined;
  readonly isQuiet: boolean;
}

async function importFile(
  context: CliContext,
  target: OpenedTarget,
  { file, format, rowOptions, check, summary, rejects, isQuiet }: Import,
): Promise<void> {
  const isDryRun = summary.dry_run;
  const progress = createProgress(context, isDryRun ? "rows examined" : "rows imported");
  let shareRead = 0;
  let rowsRead = 0;
  const rows = parsedRows(file, format, rowOptions, check, (share) => {
    shareRead = share;
  });
  const counted = (async function* () {
    for await (const row of rows) {
      rowsRead++;
      yield row;
    }
  })();
  const { operate, server, administration } = target;
  const imported =
    server === undefined
      ? importIntoStore(counted, context, administration, isDryRun)
      : importOnServer(counted, { operate, isDryRun, pause: context.pause });
  try {
    for await (const results of imported) {
      for (const { place, result } of results) {
        summary.rows++;
        if (result instanceof Refusal) {
          note(context, summary, place, result, isQuiet);
          await rejects?.add(place, result.message);
        } else if (result.outcome === "unchanged") summary.unchanged++;
        else {
          if (result.outcome === "created") summary.users_created++;
          if (result.addsKey) summary.keys_added++;
        }
      }
      progress.update((shareRead * summary.rows) / Math.max(1, rowsRead), summary.rows);
    }
  } finally {
    progress.clear();
  }
}

async function* importIntoStore(
  rows: AsyncIterable<ReadRow<FileRow>>,
  context: CliContext,
  { store, commit, ...administration }: CliAdministration,
  isDryRun: boolean,
): AsyncGenerator<readonly RowOutcome<FileRow>[]> {
  const examiners = await administration.openAdmitKeys();
  try {
    const dependencies = {
      commit: isDryRun ? createDryCommit(commit) : commit,
      admitKeys: examiners.admitKeys,
      store,
      author: unrestrictedAuthor(context.actor),
      pause: (milliseconds: number) => setTimeout(milliseconds),
    };
    for await (const results of importUsers(rows, dependencies)) {
      yield results.map(({ place, result }) => ({
        place,
        result: result instanceof Refusal ? result : { outcome: result.outcome, addsKey: result.keyId !== null },
      }));
    }
  } finally {
    await examiners.close();
  }
}

/** What can be told of a row without examining its key. */
type RowCheck = (row: FileRow, parsed: ReadRow<FileRow>["row"]) => Promise<Refusal | undefined>;

function createRowCheck(hasAccount: (shortname: string) => Promise<boolean>, fileCheck: FileCheck): RowCheck {
  return async ({ line }, row) => {
    if (row instanceof Refusal) return undefined;
    if (await hasAccount(row.account)) return fileCheck(line, row);
    const message = `There is no account ${printable(row.account)}. countersign account create makes one.`;
    return new Refusal("not_found", message);
  };
}

/** @param onShare called with how much of the file was read, 0 to 1 */
async function* parsedRows(
  file: ImportFile,
  format: RowFormat,
  options: ImportRowOptions,
  check: RowCheck | undefined,
  onShare: (share: number) => void,
): AsyncGenerator<ReadRow<FileRow>> {
  const rows = readRows(file.read(), format, (bytes) => {
    onShare(bytes / Math.max(1, file.bytes));
  });
  for await (const place of rows) {
    const row = parseRow(place, options);
    yield { place, row: (await check?.(place, row)) ?? row };
  }
}

function parseRow({ values, problem }: FileRow, options: ImportRowOptions): ReadRow<FileRow>["row"] {
  try {
    const row = parseImportRow(values, options);
    return problem ?? row;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.code === "private_key_exposed" ? error : (problem ?? error);
  }
}

function emptySummary(isDryRun: boolean): Summary {
  const counts = { rows: 0, users_created: 0, keys_added: 0, unchanged: 0, refused: 0 };
  return { ...counts, dry_run: isDryRun, problems: [] };
}

/** Counts a bad row, and prints its problem if there were few before. */
function note(context: CliContext, summary: Summary, { line }: FileRow, refusal: Refusal, isQuiet: boolean): void {
  summary.refused++;
  if (summary.problems.length >= PROBLEMS_SHOWN_MAX) return;
  const { code, message } = refusal;
  summary.problems.push({ line, code, message });
  if (!isQuiet) context.stderr.write(context.redact(`line ${line}: ${message}\n`));
}

function printSummary(context: CliContext, summary: Summary, { rejects, json }: ImportOptions): void {
  print(context, json, summary, () => {
    const { rows, users_created: created, keys_added: added, unchanged, refused, dry_run: isDryRun } = summary;
    const isStopped = !isDryRun && created + added + unchanged === 0 && refused > 0 && rejects === undefined;
    if (isStopped) {
      return `Nothing was changed: ${refused} of ${rows} rows can't be imported. Correct them, or import the others with --rejects.`;
    }
    const verb = isDryRun ? "would be " : "";
    return [
      `${created} API users ${verb}created, ${added} keys ${verb}added, ${unchanged} rows unchanged, ${refused} refused`,
      ...(rejects === undefined || refused === 0 ? [] : [`(see ${rejects})`]),
    ].join(" ");
  });
}
