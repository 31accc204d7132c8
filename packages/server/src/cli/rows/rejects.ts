import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { isPrivateKey } from "@countersign/protocol";
import { IMPORT_COLUMNS, type RowFormat } from "../../core/bulk/import-row.ts";
import { OperatorError } from "../../core/operator-error.ts";
import { errorCode } from "../../platform/error-code.ts";
import { csvLine } from "../../core/bulk/csv-text.ts";
import type { FileRow } from "./read-rows.ts";

/** A new file for rows that weren't imported, in the format of the import, with the line and the problem of each. */
export interface Rejects {
  add(row: FileRow, problem: string): Promise<void>;
  /** Everything is on the disk when it resolves. */
  close(): Promise<void>;
}

const COLUMNS = [...IMPORT_COLUMNS, "line", "problem"];

/** Opens the file, which must not exist yet. Its mode is 0600. @throws {OperatorError} */
export async function openRejects(file: string, format: RowFormat): Promise<Rejects> {
  const stream = createWriteStream(file, { flags: "wx", mode: 0o600, flush: true });
  try {
    await once(stream, "open");
  } catch (error) {
    const code = errorCode(error);
    throw new OperatorError(code === "EEXIST" ? `${file} exists already.` : `${file} can't be created (${code}).`);
  }
  const write = async (text: string) => {
    if (!stream.write(text)) await once(stream, "drain");
  };
  if (format === "csv") await write(csvLine(COLUMNS));
  return {
    async add({ line, values }, problem) {
      const shown = withoutPrivateKeys(values);
      const row: Readonly<Record<string, unknown>> = { ...shown, line, problem };
      await write(format === "jsonl" ? `${JSON.stringify(row)}\n` : csvLine(COLUMNS.map((name) => textOf(row[name]))));
    },
    async close() {
      stream.end();
      await finished(stream);
    },
  };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : JSON.stringify(value);
}

/** A private key isn't copied to one more place. */
function withoutPrivateKeys(values: FileRow["values"]): FileRow["values"] {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, isPrivateKey(textOf(value)) ? "[removed]" : value]),
  );
}
