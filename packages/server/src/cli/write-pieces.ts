import { once } from "node:events";
import { beginsResult, type CliContext } from "./context.ts";

/** How many characters are collected before they are written. */
const WRITTEN_CHARACTERS = 65_536;

/** Writes a result to standard output in pieces, as fast as the reader takes them. */
export async function writePieces(
  context: CliContext,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const { stdout } = context;
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (text.length < WRITTEN_CHARACTERS) continue;
    beginsResult(context);
    if (!stdout.write(text)) await once(stdout, "drain");
    text = "";
  }
  beginsResult(context);
  stdout.write(text);
}
