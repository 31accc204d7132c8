import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { OperatorError } from "../core/operator-error.ts";
import { type CliContext, WrongUsage } from "./context.ts";
import type { InputOf, Operate } from "./operations.ts";

/** How many clients are named when it is said what stops. */
const CLIENTS_NAMED_MAX = 3;

const NOTHING_STOPS = "No live token depends on it.";

/** The option of a command that can't be undone. */
export interface YesOption {
  readonly yes?: boolean;
}

/** Adds `--yes` to a command that can't be undone. */
export function withYes(command: Command): Command {
  return command.option("-y, --yes", "don't ask");
}

/**
 * Makes sure that a person means what can't be undone. At a terminal it asks; elsewhere `--yes` is needed.
 *
 * @param what what will happen and what it stops, in whole sentences
 * @throws {WrongUsage} if there is no terminal and no `--yes` @throws {OperatorError} if the person declines
 */
export async function confirm(context: CliContext, { yes }: YesOption, what: string): Promise<void> {
  if (yes === true) return;
  if (!canAsk(context)) throw new WrongUsage(`${what} This can't be undone: give --yes to do it.`);
  await ask(context, what);
}

/**
 * The same for a command that programs have always called without `--yes`: where standard input isn't a terminal, it goes on.
 *
 * @param impact what stops, as {@link describeImpact} says it
 * @returns what to note once it is done, if anything stopped that nobody was told of
 */
export async function confirmUnlessPiped(
  context: CliContext,
  options: YesOption,
  { what, impact }: { readonly what: string; readonly impact: string },
): Promise<string | undefined> {
  if (context.stdin.isTTY === true || options.yes === true) {
    await confirm(context, options, `${what} ${impact}`);
    return undefined;
  }
  return impact === NOTHING_STOPS ? undefined : `${what} ${impact}`;
}

async function ask(context: CliContext, what: string): Promise<void> {
  context.stderr.write(`${what} This can't be undone.\n`);
  // Not as a terminal: the line is edited by the terminal itself, and nothing but the question is written.
  const asking = createInterface({ input: context.stdin, output: context.stderr, terminal: false });
  try {
    const ended = once(asking, "close").then(() => "");
    const answer = await Promise.race([asking.question("Go on? [y/N] "), ended]);
    if (/^y(?:es)?$/i.test(answer.trim())) return;
  } finally {
    asking.close();
  }
  throw new OperatorError("Nothing was changed.");
}

/** Is there a person who sees standard error and can type? */
function canAsk({ stdin, stderr }: CliContext): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Is a person reading standard error? */
export function isWatched({ stderr }: CliContext): boolean {
  return stderr.isTTY === true;
}

/** What stops when this does, in a sentence: how many live tokens, and of which clients. */
export async function describeImpact(operate: Operate, scope: InputOf<"getImpact">["query"]): Promise<string> {
  const { live_tokens: liveTokens, clients, client_count: count } = (await operate("getImpact", { query: scope })).data;
  if (liveTokens === 0) return NOTHING_STOPS;
  const first = clients.slice(0, CLIENTS_NAMED_MAX);
  const named = first.map(({ username }) => username).join(", ");
  const others = count - first.length;
  const all = others > 0 ? `${named} and ${others} more` : named;
  return `${liveTokens} live ${liveTokens === 1 ? "token stops" : "tokens stop"} at once, of ${all}.`;
}
