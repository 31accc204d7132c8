import { Command } from "commander";
import type { CommandEntry } from "./commands.ts";
import { findCandidates } from "./completion/candidates.ts";
import type { StoredName } from "../core/store/stored-name.ts";
import { type CliContext, readStdinBytes } from "./context.ts";

/** The longest command line that is completed, in bytes. */
const LINE_BYTES_MAX = 65_536;

/** How much is shown about a name, in characters. */
const ABOUT_CHARACTERS_MAX = 60;

/**
 * `__complete`, which the completion scripts run. It reads the words from standard input, each ended by NUL, and not from its
 * arguments, which every user of the machine can read: a command line may hold a token. It prints a line for each candidate,
 * with a tab before its description, and `:files` where the shell should offer files. It prints nothing else and never fails.
 */
export function completeCommand(context: CliContext, commands: readonly CommandEntry[]): Command {
  return new Command("__complete").action(async () => {
    try {
      const input = (await readStdinBytes(context, LINE_BYTES_MAX)).toString("utf8");
      const words = input.replace(/\0$/, "").split("\0");
      const { values, isFile } = await findCandidates(words, commands, context);
      const lines = values.filter(isInert).map(formatCandidate);
      context.stdout.write([...lines, ...(isFile ? [":files"] : [])].map((line) => `${line}\n`).join(""));
    } catch {
      // The shell shows what is printed in the middle of the line that is being typed.
    }
  });
}

/**
 * Has the name no character that a shell gives a meaning to? Names that the service makes have none. Another program may have
 * written to the database, and a shell inserts what is offered into its command line.
 */
function isInert({ value }: StoredName): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9_.@/=+-]*$/.test(value);
}

function formatCandidate({ value, about }: StoredName): string {
  const plain = (about ?? "").replaceAll(/[\p{C}\s]+/gu, " ").trim();
  const brief = plain.length > ABOUT_CHARACTERS_MAX ? `${plain.slice(0, ABOUT_CHARACTERS_MAX - 1)}…` : plain;
  return brief === "" ? value : `${value}\t${brief}`;
}
