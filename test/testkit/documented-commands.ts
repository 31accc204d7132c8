/** The shell commands that the documentation shows, and whether the program and the repository know what they name. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../packages/server/src/cli/commands.ts";
import type { CliContext } from "../../packages/server/src/cli/context.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** A block of shell commands on a page. */
export interface ShellBlock {
  /** Relative to the repository. */
  readonly page: string;
  /** The line of the page at which the block begins, from 1. */
  readonly line: number;
  /** What follows `sh` in a fence. */
  readonly info: string;
  /** Without prompts and shown output. */
  readonly commands: string;
  /** The first line of the commands, by which the block is known. */
  readonly first: string;
}

/** With what a line of an indented block begins, if it is a command. */
const PROGRAM =
  /^(\$ )?([A-Z_]+=\S+ +)*(\/\S+\/)?(caddy|countersign|cp|curl|deploy\/\S+|docker|envoy|examples\/\S+|git|haproxy|kubectl|mkdir|nginx|node|npm|npx|openssl|php|python3|ruby|sh|sudo|token=.*|\(cd)( |$)/;

/**
 * Every page that shows commands: the README, docs, and what examples and packages say of themselves. docs/command-line.md is generated
 * from the commands, and a decision record says what was true when it was made.
 */
export function documentedPages(): readonly string[] {
  return globSync(["README.md", "docs/*.md", "examples/**/README.md", "packages/*/README.md"], {
    cwd: ROOT,
    exclude: ["**/node_modules/**", "docs/command-line.md"],
  }).toSorted();
}

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

/** The shell blocks of a page: fenced ones, and indented ones that begin with a program. */
export function shellBlocks(page: string): readonly ShellBlock[] {
  const lines = readPage(page).split("\n");
  const blocks: ShellBlock[] = [];
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    const [, indent, language, info = ""] = /^( *)```(\S*) ?(.*)$/.exec(lines[index] ?? "") ?? [];
    const text: string[] = [];
    if (indent !== undefined) {
      for (index++; index < lines.length && lines[index]?.trim() !== "```"; index++) text.push(lines[index] ?? "");
      const isShell =
        language === "" ? text.some((one) => one.startsWith("$ ")) : /^(sh|bash|console)$/.test(language ?? "");
      if (!isShell) continue;
    } else if (/^ {4}\S/.test(lines[index] ?? "") && lines[index - 1]?.trim() === "") {
      for (; /^ {4}/.test(lines[index] ?? ""); index++) text.push((lines[index] ?? "").slice(4));
      if (!text.some((one) => PROGRAM.test(one))) continue;
    } else continue;
    const commands = withoutOutput(text);
    blocks.push({ page, line, info, commands, first: commands.split("\n")[0] ?? "" });
  }
  return blocks;
}

/** In a transcript, only the lines after a prompt are commands. */
function withoutOutput(lines: readonly string[]): string {
  const isTranscript = lines.some((line) => line.trimStart().startsWith("$ "));
  return (isTranscript ? lines.map((line) => line.trimStart()).filter((line) => line.startsWith("$ ")) : lines)
    .map((line) => (isTranscript ? line.slice(2).replace(/ {3,}.*$/, "") : line))
    .join("\n");
}

/** What is wrong with a block, without running it. */
export async function findProblems({ commands }: ShellBlock): Promise<readonly string[]> {
  const { status, stderr } = spawnSync("bash", ["-n"], { input: commands, encoding: "utf8" });
  const problems = status === 0 ? [] : [stderr];
  for (const [, path = ""] of commands.matchAll(
    /(?<![\w/.])((?:deploy|docs|examples|packages|scripts)\/[\w./-]*\w)/g,
  )) {
    // deploy/countersign is also kubectl's name of the Deployment, and what cp writes needn't be there.
    const isNoFile =
      (path === "deploy/countersign" && commands.includes("kubectl")) ||
      (commands.includes(` ${path}\n`) && commands.startsWith("cp "));
    if (!isNoFile && !existsSync(join(ROOT, path))) problems.push(`there is no file ${path}`);
  }
  const joined = commands.replaceAll("\\\n", " ");
  for (const [, line = ""] of joined.matchAll(
    /(?:^|[|&;(]|\$\(| -- |sudo |npx |\bbin\/|\b(?:exec|run)\b.* \S+ )\s*(?:[A-Z_]+=\S* +)*(?<!npm |-t )countersign((?: +(?:'[^']*'|"[^"]*"|[^\s|&;()<>#'"]+))*)/gm,
  )) {
    const problem = await findUsageProblem(wordsOf(line), "whole");
    if (problem !== undefined) problems.push(`countersign${line}: ${problem}`);
  }
  return problems;
}

/** The words of a command line, without the quotation marks around them. */
function wordsOf(line: string): readonly string[] {
  return (line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replaceAll(/['"]/g, ""));
}

/**
 * The commands in a page's running text, such as `countersign key add`, and what is wrong with them. Their arguments may be left out.
 */
export async function findMentionProblems(page: string): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [, line = ""] of readPage(page).matchAll(/`(?:npx |sudo )?countersign((?:\s+[^\s`|>]+)+)[^`]*`/g)) {
    const problem = await findUsageProblem(wordsOf(line), "mention");
    if (problem !== undefined) problems.push(`countersign${line}: ${problem}`);
  }
  return problems;
}

/** What the program's own parser says of a command line, or nothing if it would run it. */
async function findUsageProblem(words: readonly string[], form: "whole" | "mention"): Promise<string | undefined> {
  // A function that passes its words on names no command.
  if (words.length === 0 || /^(help|--help|\$@)$/.test(words[0] ?? "")) return undefined;
  const entry = COMMANDS.find(({ name }) => name === words[0]);
  if (entry === undefined) return "there is no such command";
  const command = (await entry.load())({} as CliContext);
  neverRun(command);
  try {
    await command.parseAsync(words.slice(1), { from: "user" });
    return undefined;
  } catch (error) {
    // An error of the parser: options that check their value throw others.
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!code.startsWith("commander."))
      return error instanceof Error && !/[<…]/.test(words.join(" ")) ? error.message : undefined;
    const isIncomplete = /[mM]issing(Argument|MandatoryOptionValue)$|help/.test(code);
    return form === "mention" && isIncomplete ? undefined : (error as Error).message;
  }
}

type Command = ReturnType<Awaited<ReturnType<(typeof COMMANDS)[number]["load"]>>>;

/** Leaves of a command a parser that does nothing and throws what is wrong. */
function neverRun(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  if (command.commands.length === 0) command.action(() => undefined);
  for (const child of command.commands) neverRun(child);
}

/** The service's variables that a page names and the configuration doesn't have. */
export function findUnknownVariables(page: string): readonly string[] {
  const known = readPage("docs/configuration.md");
  const named = readPage(page).match(/\bCOUNTERSIGN_[A-Z][A-Z_]*[A-Z]\b/g) ?? [];
  return [...new Set(named)].filter((name) => !known.includes(`\`${name}\``));
}
