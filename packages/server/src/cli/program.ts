import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config.ts";
import { Refusal } from "../core/refusal.ts";
import { COMMANDS, type CommandEntry } from "./commands.ts";
import { columnsOf, hasPrinted, NegativeResult, type CliContext, WrongUsage } from "./context.ts";
import { HELP_LAYOUT, usageOf } from "./help-layout.ts";
import { findCommand, findSynonym, readGroupHelp, readHelpWords, readNamedArguments } from "./words.ts";
import { OperatorError } from "../core/operator-error.ts";

/** What completion scripts run. The help leaves it out. */
const COMPLETE: CommandEntry = {
  name: "__complete",
  description: "read a command line from standard input and print what completes it",
  load: async () => {
    const { completeCommand } = await import("./complete.ts");
    return (context) => completeCommand(context, COMMANDS);
  },
};

/**
 * Runs a command line and returns its exit status: 0 success, 1 refused or failed, 2 wrong usage.
 *
 * @param commandLine the words after the program's name
 */
export async function runCommandLine(commandLine: readonly string[], context: CliContext): Promise<number> {
  const words = readHelpWords(commandLine.map(asOperand));
  let usage = "";
  const report = reporterFor(words, context);
  const program = new Command("countersign")
    .description("A self-hosted token service for API clients.")
    .version(context.version, "-v, --version", "print the version")
    .helpCommand(false)
    .configureHelp(HELP_LAYOUT)
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHelpWidth: () => columnsOf(context) ?? 80,
      getErrHelpWidth: () => columnsOf(context) ?? 80,
      outputError: (text, write) => {
        // No option, command or choice has a name this long, so a long word given in its place may be a secret.
        const brief = text.replace(/^error: /, "countersign: ").replaceAll(/'[^']{33,}'/g, "'[redacted]'");
        report("usage", oneLine(withUsage(brief, usage)), write);
      },
    })
    .addHelpText("after", PROGRAM_HELP)
    .exitOverride();
  // The program has no option with a value, so the first word that isn't an option is the command.
  const chosen = words.find((word) => !word.startsWith("-"));
  for (const entry of [...COMMANDS, COMPLETE]) {
    const command = entry.name === chosen ? await loadCommand(entry, context) : listedCommand(entry);
    inheritSettings(program, command);
    if (entry.group !== undefined) command.helpGroup(`${entry.group}:`);
    program.addCommand(command, { hidden: entry === COMPLETE });
  }
  const usages = new Map(COMMANDS.map(({ name, usage }) => [name, usage === undefined ? name : `${name} ${usage}`]));
  // Set last, so that the commands don't inherit it.
  program.configureHelp({ ...HELP_LAYOUT, subcommandTerm: (command) => usages.get(command.name()) ?? command.name() });
  const line = readGroupHelp(program, words);
  usage = usageOf(findCommand(program, line).command);
  try {
    const unknown = findUnknownCommand(program, line);
    if (unknown !== undefined) refuseSynonym(unknown, line);
    // Commander finds an unknown command only if its help isn't asked for.
    const parsed = unknown === undefined ? readNamedArguments(program, line) : line.slice(0, unknown.depth + 1);
    await program.parseAsync(parsed, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof NegativeResult) return error.exitStatus;
    // Commander has already printed its message. Its exit code is 0 for --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const code = codeOf(error);
    report(code, oneLine(`countersign: ${messageOf(error)}`), (text) => context.stderr.write(text));
    return error instanceof WrongUsage || error instanceof ConfigError ? 2 : 1;
  }
}

const PROGRAM_HELP = `
"countersign help <command>" explains a command.
"countersign demo" shows the whole service in a minute.`;

/** Adds how the command is called to an error about too few or too many words. */
function withUsage(text: string, usage: string): string {
  const isAboutWords = /missing required argument|too many arguments|required option .* not specified/.test(text);
  return isAboutWords ? `${text.trim().replace(/\.$/, "")}; usage: ${usage}` : text;
}

/** The word in the place of a command that there isn't, how many words come before it, and which commands could stand there. */
interface UnknownCommand {
  readonly word: string;
  readonly depth: number;
  readonly names: readonly string[];
}

function findUnknownCommand(program: Command, line: readonly string[]): UnknownCommand | undefined {
  const { command, depth } = findCommand(program, line);
  const word = line[depth];
  if (command.commands.length === 0 || word === undefined || word.startsWith("-")) return undefined;
  return { word, depth, names: command.commands.map((subcommand) => subcommand.name()) };
}

/** Refuses a word that another command line has for a command. @throws {WrongUsage} with the word that this one has */
function refuseSynonym({ word, depth, names }: UnknownCommand, line: readonly string[]): void {
  const meant = findSynonym(names, word);
  if (meant === undefined) return;
  throw new WrongUsage(`unknown command '${word}' (Did you mean ${[...line.slice(0, depth), meant].join(" ")}?)`);
}

type Report = (code: string, line: string, write: (text: string) => void) => void;

/**
 * Reports why a command line failed: one line on standard error, and with `--json` also the JSON value
 * `{"error":{"code":…,"message":…}}` on standard output, unless the command has printed its value already.
 */
function reporterFor(words: readonly string[], context: CliContext): Report {
  const end = words.indexOf("--");
  const isJson = (end < 0 ? words : words.slice(0, end)).includes("--json");
  return (code, line, write) => {
    const text = context.redact(line);
    write(text);
    if (!isJson || hasPrinted(context)) return;
    const message = text.trim().replace(/^countersign: /, "");
    context.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  };
}

/** A refusal's code; `usage` for a wrong command line, `configuration` for a setting; otherwise `failed`. */
function codeOf(error: unknown): string {
  // A server's refusal may have a code that nothing here has, but none that stands for something else.
  if (error instanceof Refusal)
    return /^(?!usage$|configuration$)[a-z][a-z0-9_]{0,60}$/.test(error.code) ? error.code : "failed";
  if (error instanceof WrongUsage) return "usage";
  return error instanceof ConfigError ? "configuration" : "failed";
}

/** Imports a command's code. */
async function loadCommand({ name, description, load }: CommandEntry, context: CliContext): Promise<Command> {
  const create = await load();
  return create(context).name(name).description(description);
}

/** A command that is only listed and suggested. */
function listedCommand({ name, description }: CommandEntry): Command {
  return new Command(name).description(description);
}

/** Keeps commander from reading a PEM text, which begins with dashes, as an option and quoting it in an error message. */
function asOperand(word: string): string {
  return word.startsWith("-----") ? `\n${word}` : word;
}

function oneLine(text: string): string {
  return `${text.replaceAll(/\s+/g, " ").replaceAll(/\p{C}/gu, "?").trim()}\n`;
}

/** Gives a command and its subcommands the program's settings for output and errors. */
function inheritSettings(program: Command, command: Command): void {
  command.copyInheritedSettings(program).helpCommand(false);
  for (const subcommand of command.commands) inheritSettings(command, subcommand);
}

/** An error's text for standard error. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return "failed for an unknown reason";
  if (error instanceof Refusal && error.detail.weakness !== undefined) {
    return `${error.message} (${error.code}: ${error.detail.weakness})`;
  }
  if (error instanceof Refusal || error instanceof OperatorError) return error.message;
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  return `failed${code}: ${error.message}`;
}
