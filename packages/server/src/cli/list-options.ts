/** The options of commands that list: filters with a few values, and parts of long lists. */
import type { Command } from "commander";
import { type CliContext, note, WrongUsage } from "./context.ts";

export interface ListOptions {
  readonly limit?: string;
  readonly cursor?: string;
}

/** Adds the options that read a list in parts. Without them a command reads the whole list. */
export function withListOptions(command: Command): Command {
  return command
    .option("--limit <number>", "only so many (default: all)")
    .option("--cursor <cursor>", "go on where a list with --limit ended");
}

/** @throws {WrongUsage} */
export function partOf({ limit, cursor }: ListOptions): { limit?: number; cursor: string | undefined } {
  if (cursor !== undefined && (cursor === "" || cursor.length > 500)) {
    throw new WrongUsage("--cursor takes what the list before ended with.");
  }
  if (limit === undefined) return { cursor };
  if (!/^[1-9][0-9]{0,5}$/.test(limit)) throw new WrongUsage("--limit takes a whole number from 1 to 999999.");
  return { limit: Number(limit), cursor };
}

/** Says on standard error how a list goes on. */
export function noteMore(context: CliContext, cursor: string | undefined): void {
  if (cursor !== undefined) note(context, `there are more; add --cursor ${cursor} to see them`);
}

/** The value of an option with a few values; `undefined` if it isn't given. @throws {WrongUsage} */
export function readChoice<Value>(
  option: string,
  given: string | undefined,
  choices: Readonly<Record<string, Value>>,
): Value | undefined {
  if (given === undefined) return undefined;
  if (Object.hasOwn(choices, given)) return choices[given];
  const names = Object.keys(choices).filter((name) => !name.includes("_"));
  throw new WrongUsage(`${option} takes ${names.slice(0, -1).join(", ")} or ${names.at(-1)}.`);
}
