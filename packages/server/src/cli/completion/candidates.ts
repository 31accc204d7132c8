import type { Argument, Command, Option } from "commander";
import type { Flags } from "../../config/config.ts";
import type { NameKind, StoredName } from "../../core/store/stored-name.ts";
import type { CommandEntry } from "../commands.ts";
import type { CliContext } from "../context.ts";
import { findSignedInServer, selectsServer } from "../find-server.ts";
import { sourceOf } from "./names.ts";

/** What the shell offers for the word at the cursor. */
export interface Candidates {
  readonly values: readonly StoredName[];
  /** Whether the shell also offers files. */
  readonly isFile: boolean;
}

/** Finds names of a kind that begin with `prefix`, in the store that the flags name. */
type FindNames = (flags: Flags, kind: NameKind, prefix: string) => Promise<readonly StoredName[]>;

const NOTHING: Candidates = { values: [], isFile: false };
const HELP: StoredName = { value: "--help", about: "display help for command" };

/**
 * Finds what fits at the cursor. Only the module of the command that the line names is imported.
 *
 * @param words the words after the program's name, up to the cursor; the last one is being typed, and may be empty
 */
export async function findCandidates(
  words: readonly string[],
  commands: readonly CommandEntry[],
  context: CliContext,
): Promise<Candidates> {
  // bash separates `--flag=value` into three words.
  const line = words.filter((word) => word !== "=");
  const typed = words.at(-1) === "=" ? "" : (line.pop() ?? "");
  const start = line.findIndex((word) => !word.startsWith("-"));
  if (start < 0) return ofProgram(commands, typed);
  const entry = commands.find(({ name }) => name === line[start]);
  if (entry === undefined) return NOTHING;
  const command = (await entry.load())(context);
  return ofCommand(readLine(command, line.slice(start + 1)), typed, async (flags, kind, prefix) => {
    const config = context.config(flags);
    // A store's names would be wrong for a server, and a server isn't asked while somebody types.
    const isOnServer = selectsServer(config, flags) || findSignedInServer(context, flags, config) !== undefined;
    return isOnServer ? [] : context.findNames(config, kind, prefix);
  });
}

function ofProgram(commands: readonly CommandEntry[], typed: string): Candidates {
  const values = typed.startsWith("-")
    ? [HELP, { value: "--version", about: "print the version" }]
    : commands.map(({ name, description }) => ({ value: name, about: description }));
  return { values: values.filter(({ value }) => value.startsWith(typed)), isFile: false };
}

/** A command line up to the word at the cursor. */
interface Line {
  readonly command: Command;
  /** The command's words, such as `key list`. */
  readonly path: string;
  readonly given: readonly Option[];
  /** Settings that say where the store or the server is. */
  readonly flags: Flags;
  /** The option whose value comes next. */
  readonly pending: Option | undefined;
  readonly operands: number;
  /** Whether `--` ended the options. */
  readonly isOperandsOnly: boolean;
}

function readLine(root: Command, words: readonly string[]): Line {
  let command = root;
  let path = root.name();
  let pending: Option | undefined;
  let operands = 0;
  let isOperandsOnly = false;
  const given: Option[] = [];
  const flags: Record<string, string> = {};
  const takeValue = (option: Option, value: string) => {
    if (["dataDir", "databaseUrl", "adminUrl"].includes(option.attributeName())) flags[option.attributeName()] = value;
  };
  for (const word of words) {
    const subcommand = command.commands.find((candidate) => candidate.name() === word);
    if (pending !== undefined) {
      takeValue(pending, word);
      pending = undefined;
    } else if (isOperandsOnly) operands++;
    else if (word === "--") isOperandsOnly = true;
    else if (word.startsWith("-")) {
      const [flag, value] = splitFlag(word);
      const option = findOption(command, flag);
      if (option === undefined) continue;
      given.push(option);
      if (value !== undefined) takeValue(option, value);
      else if (option.required) pending = option;
    } else if (subcommand !== undefined && operands === 0) {
      command = subcommand;
      path += ` ${word}`;
    } else operands++;
  }
  return { command, path, given, flags, pending, operands, isOperandsOnly };
}

async function ofCommand(line: Line, typed: string, findNames: FindNames): Promise<Candidates> {
  const { command, path, flags, pending, operands, isOperandsOnly } = line;
  if (pending !== undefined) return ofValue(optionPlace(path, pending), pending.argChoices, typed);
  if (typed.startsWith("-") && !isOperandsOnly) {
    const [flag, value] = splitFlag(typed);
    if (value === undefined) return { values: optionsOf(line).filter(startsWith(typed)), isFile: false };
    const option = findOption(command, flag);
    if (option === undefined) return NOTHING;
    const { values } = await ofValue(optionPlace(path, option), option.argChoices, value);
    // Where the shell sees one word, it replaces the whole word. A file's name can't be offered that way.
    return { values: values.map((name) => ({ ...name, value: `${flag}=${name.value}` })), isFile: false };
  }
  if (command.commands.length > 0) {
    const values = command.commands.map((subcommand) => ({
      value: subcommand.name(),
      about: subcommand.description(),
    }));
    return { values: values.filter(startsWith(typed)), isFile: false };
  }
  const argument = argumentAt(command, operands);
  if (argument !== undefined) return ofValue(`${path} <${argument.name()}>`, argument.argChoices, typed);
  return typed === "" && !isOperandsOnly ? { values: optionsOf(line), isFile: false } : NOTHING;

  async function ofValue(place: string, choices: readonly string[] | undefined, prefix: string): Promise<Candidates> {
    if (choices !== undefined) {
      return { values: choices.map((value) => ({ value, about: null })).filter(startsWith(prefix)), isFile: false };
    }
    const source = sourceOf(place);
    if (source === undefined) return NOTHING;
    if (source === "files") return { values: [], isFile: true };
    // A store that can't be read completes nothing: a message would garble the line that is being typed.
    const names = await findNames(flags, source, prefix).catch(() => []);
    return { values: names.filter(startsWith(prefix)), isFile: false };
  }
}

function argumentAt({ registeredArguments }: Command, index: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic === true ? last : undefined);
}

/** The command's options that can still be given. */
function optionsOf({ command, given }: Line): readonly StoredName[] {
  const options = command.options.filter((option) => !option.hidden && (option.variadic || !given.includes(option)));
  return [...options.map(({ long, description }) => ({ value: long ?? "", about: description })), HELP];
}

function optionPlace(path: string, { long, flags }: Option): string {
  return `${path} ${long} ${/<[^>]*>|\[[^\]]*\]/.exec(flags)?.[0] ?? ""}`;
}

function findOption(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => flag === long || flag === short);
}

/** The flag of `--flag=value`, and the value if there is one. */
function splitFlag(word: string): [flag: string, value: string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function startsWith(prefix: string): (name: StoredName) => boolean {
  return ({ value }) => value.startsWith(prefix);
}
