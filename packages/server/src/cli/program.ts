import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config.ts";
import { Refusal } from "../core/refusal.ts";
import { COMMANDS, type CommandEntry } from "./commands.ts";
import { NegativeResult, type CliContext, WrongUsage } from "./context.ts";
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

const HELP = { showGlobalOptions: false };

/**
 * Runs a command line and returns its exit status: 0 success, 1 refused or failed, 2 wrong usage.
 *
 * @param commandLine the words after the program's name
 */
export async function runCommandLine(commandLine: readonly string[], context: CliContext): Promise<number> {
  const program = new Command("countersign")
    .description("A self-hosted token service for API clients.")
    .version(context.version, "-V, --version", "print the version")
    .helpCommand(false)
    .configureHelp(HELP)
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: (text, write) => {
        // No option, command or choice has a name this long, so a long word given in its place may be a secret.
        const brief = text.replace(/^error: /, "countersign: ").replaceAll(/'[^']{33,}'/g, "'[redacted]'");
        write(context.redact(oneLine(brief)));
      },
    })
    .exitOverride();
  const words = commandLine.map(asOperand);
  // The program has no option with a value, so the first word that isn't an option is the command.
  const chosen = words.find((word) => !word.startsWith("-"));
  for (const entry of [...COMMANDS, COMPLETE]) {
    const command = entry.name === chosen ? await loadCommand(entry, context) : listedCommand(entry);
    inheritSettings(program, command);
    program.addCommand(command, { hidden: entry === COMPLETE });
  }
  const usages = new Map(COMMANDS.map(({ name, usage }) => [name, usage === undefined ? name : `${name} ${usage}`]));
  // Set last, so that the commands don't inherit it.
  program.configureHelp({ ...HELP, subcommandTerm: (command) => usages.get(command.name()) ?? command.name() });
  try {
    await program.parseAsync(words, { from: "user" });
    return 0;
  } catch (error) {
    return exitStatus(error, context);
  }
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

function exitStatus(error: unknown, { stderr, redact }: CliContext): number {
  if (error instanceof NegativeResult) return error.exitStatus;
  // Commander has already printed its message. Its exit code is 0 for --help and --version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  stderr.write(redact(oneLine(`countersign: ${messageOf(error)}`)));
  return error instanceof ConfigError || error instanceof WrongUsage ? 2 : 1;
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
