/** Rows of users and keys as CSV and JSON lines: files that are read and written a piece at a time, whatever their size. */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliContext } from "../context.ts";
import { unreadable } from "../read-file.ts";

/** A file that can be read several times. */
export interface ImportFile {
  /** How the operator named it. */
  readonly name: string;
  readonly bytes: number;
  /** From the beginning. */
  read(): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/**
 * Opens a file for several readings. Standard input and pipes are copied to a temporary file first, which only this user can read and
 * which has no name any more once it is open.
 *
 * @param source a file's name, or `-` for standard input
 * @throws {OperatorError} if it can't be read
 */
export async function openImportFile({ stdin }: Pick<CliContext, "stdin">, source: string): Promise<ImportFile> {
  const name = source === "-" ? "standard input" : source;
  try {
    const isFile = source !== "-" && (await stat(source)).isFile();
    if (isFile) return await importFile(name, await open(source, "r"));
    const input = source === "-" ? stdin : (await open(source, "r")).createReadStream();
    return await importFile(name, await copyToUnnamedFile(input as AsyncIterable<Buffer>));
  } catch (error) {
    throw unreadable(name, error);
  }
}

async function importFile(name: string, handle: FileHandle): Promise<ImportFile> {
  const { size } = await handle.stat();
  return {
    name,
    bytes: size,
    read: () =>
      handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>,
    close: () => handle.close(),
  };
}

async function copyToUnnamedFile(input: AsyncIterable<Buffer>): Promise<FileHandle> {
  const path = join(tmpdir(), `countersign-import-${randomUUID()}`);
  const handle = await open(path, "wx+", 0o600);
  await rm(path);
  for await (const chunk of input) await handle.writeFile(chunk);
  return handle;
}
