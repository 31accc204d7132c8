import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { countMembers } from "../../core/count-members.ts";
import { findJsonProblem } from "../../core/find-json-problem.ts";
import { IGNORED_COLUMNS, IMPORT_COLUMNS, type RowFormat } from "../../core/bulk/import-row.ts";
import { printable } from "../../core/names.ts";
import { OperatorError } from "../../core/operator-error.ts";
import { Refusal } from "../../core/refusal.ts";
import { withoutGuard } from "../../core/bulk/csv-text.ts";

/** A row of a file. */
export interface FileRow {
  /** The line on which it begins, from 1. */
  readonly line: number;
  /** As it was read. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Why it isn't a row. */
  readonly problem?: Refusal;
}

/** The maximum length of a row, in bytes. Far more than a key of 8192 bits needs. */
const ROW_BYTES_MAX = 1024 * 1024;

const KNOWN: ReadonlySet<string> = new Set([...IMPORT_COLUMNS, ...IGNORED_COLUMNS]);

/**
 * Reads rows.
 *
 * @param onBytes called with how many bytes were read
 * @throws {OperatorError} with a line number, if the rest of the file can't be read as rows
 */
export function readRows(
  chunks: AsyncIterable<Buffer>,
  format: RowFormat,
  onBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<FileRow> {
  const counted = counting(chunks, onBytes);
  return format === "csv" ? readCsv(counted) : readJsonLines(counted);
}

async function* counting(chunks: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    if (bytes === 0) refuseUtf16(chunk);
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}

/** Excel's "Unicode text". */
function refuseUtf16(chunk: Buffer): void {
  const mark = chunk.subarray(0, 2).toString("hex");
  if (mark !== "fffe" && mark !== "feff") return;
  throw new OperatorError("The file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8).");
}

/** Reads one JSON object a line (RFC 8259). Blank lines are skipped. */
async function* readJsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileRow> {
  let number = 0;
  for await (const bytes of linesOf(chunks)) {
    number++;
    if (!isUtf8(bytes)) throw new OperatorError(`Line ${number} isn't UTF-8.`);
    const text = bytes.toString("utf8").replace(/^\ufeff/, "");
    if (text.trim() === "") continue;
    yield { line: number, ...parseLine(text) };
  }
}

function parseLine(text: string): Omit<FileRow, "line"> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const problem = findJsonProblem(text);
    return malformed(
      `The line isn't JSON${problem === undefined ? "" : `: column ${problem.column}: ${problem.what}`}.`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return malformed("The line isn't an object.");
  const values = value as Readonly<Record<string, unknown>>;
  if (countMembers(text, 1) !== Object.keys(values).length) return malformed("The object has a member twice.", values);
  const unknown = Object.keys(values).find((name) => !KNOWN.has(name));
  if (unknown === undefined) return { values };
  return malformed(`${printable(unknown)} isn't a member of a row; these are: ${IMPORT_COLUMNS.join(", ")}.`, values);
}

function malformed(message: string, values: FileRow["values"] = {}): Omit<FileRow, "line"> {
  return { values, problem: new Refusal("field_invalid", message) };
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 1;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      yield Buffer.concat([rest, chunk.subarray(from, end)]);
      number++;
      rest = Buffer.alloc(0);
      from = end + 1;
    }
    rest = Buffer.concat([rest, chunk.subarray(from)]);
    if (rest.length > ROW_BYTES_MAX) throw tooLong(number);
  }
  if (rest.length > 0) yield rest;
}

function tooLong(line: number): OperatorError {
  return new OperatorError(`The row on line ${line} has over ${ROW_BYTES_MAX} bytes.`);
}

/** What csv-parse gives for each record. */
interface CsvRecord {
  readonly info: { readonly lines: number };
  readonly record: readonly string[];
}

/** Reads CSV (RFC 4180) with a header line; the separator is a comma, a semicolon or a tab, whichever the header has. */
async function* readCsv(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileRow> {
  const { parse } = await import("csv-parse");
  const [delimiter, texts] = await detectDelimiter(decoded(chunks));
  const parser = parse({
    delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: ROW_BYTES_MAX,
  });
  // A pipe doesn't pass on an error of its source.
  Readable.from(texts)
    .once("error", (error) => parser.destroy(error))
    .pipe(parser);
  let columns: readonly string[] | undefined;
  let linesBefore = 0;
  try {
    for await (const { info, record } of parser as AsyncIterable<CsvRecord>) {
      const line = linesBefore + 1;
      linesBefore = info.lines;
      if (columns === undefined) columns = readHeader(record);
      else yield csvRow(line, columns, record);
    }
  } catch (error) {
    throw error instanceof OperatorError ? error : csvProblem(error);
  }
  if (columns === undefined) throw new OperatorError("The file is empty; its first line must name the columns.");
}

function csvRow(line: number, columns: readonly string[], fields: readonly string[]): FileRow {
  const values = Object.fromEntries(columns.map((name, index) => [name, withoutGuard(fields[index] ?? "")]));
  if (fields.length === columns.length) return { line, values };
  const message = `The row has ${fields.length} fields, and the header ${columns.length}.`;
  return { line, values, problem: new Refusal("field_invalid", message) };
}

function readHeader(fields: readonly string[]): readonly string[] {
  const names = fields.map((name) => name.trim().toLowerCase());
  const unknown = names.filter((name) => !KNOWN.has(name));
  if (unknown.length > 0) {
    const shown = unknown.slice(0, 5).map(printable).join(", ");
    throw new OperatorError(
      `The header names columns that don't exist: ${shown}. These do: ${IMPORT_COLUMNS.join(", ")}.`,
    );
  }
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new OperatorError(`The header names the column ${repeated} twice.`);
  if (!names.includes("name")) throw new OperatorError("The header has no column name.");
  return names;
}

const CSV_PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quoted field isn't closed",
  CSV_INVALID_CLOSING_QUOTE: "text follows a closing quote",
  INVALID_OPENING_QUOTE: "a quote stands within a field that isn't quoted",
};

function csvProblem(error: unknown): Error {
  const { code, lines, records } = error as {
    readonly code?: string;
    readonly lines?: number;
    readonly records?: number;
  };
  if (code === undefined || lines === undefined || records === undefined) return error as Error;
  if (code === "CSV_MAX_RECORD_SIZE") return tooLong(lines);
  // The row may begin earlier, because a field may have several lines.
  const place = records === 0 ? "The header" : `Row ${records}, on line ${lines} or before,`;
  return new OperatorError(`${place} isn't CSV: ${CSV_PROBLEMS[code] ?? code}.`);
}

/** Decodes UTF-8 without a byte order mark. @throws {OperatorError} with the line of the first byte that isn't UTF-8 */
async function* decoded(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let lines = 1;
  const decode = (bytes: Buffer | undefined) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      const before = (bytes?.toString("latin1") ?? "").split("\n");
      const index = before.findIndex((line) => !isUtf8(Buffer.from(line, "latin1")));
      throw new OperatorError(`Line ${lines + Math.max(0, index)} isn't UTF-8.`);
    }
  };
  for await (const chunk of chunks) {
    const text = decode(chunk);
    lines += text.split("\n").length - 1;
    yield text;
  }
  yield decode(undefined);
}

async function detectDelimiter(texts: AsyncGenerator<string>): Promise<[string, AsyncGenerator<string>]> {
  const { value: first = "" } = (await texts.next()) as { value?: string };
  const [header = ""] = first.split("\n", 1);
  const found = [";", "\t"].find((delimiter) => header.includes(delimiter) && !header.includes(","));
  async function* again() {
    yield first;
    yield* texts;
  }
  return [found ?? ",", again()];
}
