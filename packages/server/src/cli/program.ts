import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config.ts";
import { Refusal } from "../core/refusal.ts";
import { accountCommand } from "./account.ts";
import { adminTokenCommand } from "./admin-token.ts";
import { auditCommand } from "./audit.ts";
import { backupCommand } from "./backup.ts";
import { checkCommand } from "./check.ts";
import { NegativeResult, type CliContext, WrongUsage } from "./context.ts";
import { demoCommand } from "./demo.ts";
import { explainCommand } from "./explain.ts";
import { keyCommand } from "./key.ts";
import { migrateCommand } from "./migrate.ts";
import { operatorCommand } from "./operator.ts";
import { resourceServerCommand } from "./resource-server.ts";
import { serveCommand } from "./serve.ts";
import { signingKeyCommand } from "./signing-key.ts";
import { storeCommand } from "./store.ts";
import { tokenCommand } from "./token.ts";
import { userCommand } from "./user.ts";
import { webhookCommand } from "./webhook.ts";
import { OperatorError } from "../core/operator-error.ts";

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
    .configureHelp({ showGlobalOptions: false })
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
  for (const command of [
    serveCommand(context),
    demoCommand(context),
    accountCommand(context),
    userCommand(context),
    keyCommand(context),
    resourceServerCommand(context),
    tokenCommand(context),
    checkCommand(context),
    explainCommand(context),
    signingKeyCommand(context),
    operatorCommand(context),
    adminTokenCommand(context),
    webhookCommand(context),
    auditCommand(context),
    migrateCommand(context),
    storeCommand(context),
    backupCommand(context),
  ]) {
    inheritSettings(program, command);
    program.addCommand(command);
  }
  try {
    await program.parseAsync(commandLine.map(asOperand), { from: "user" });
    return 0;
  } catch (error) {
    return exitStatus(error, context);
  }
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
  if (error instanceof NegativeResult) return 1;
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
