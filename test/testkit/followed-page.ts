/**
 * A page of the documentation, followed as a reader would: its files are written, its commands are typed into one shell, what runs on in
 * another terminal runs on, and what the page shows as output is compared with what comes.
 *
 * The info string of a fence says what a block is:
 * - `sh`: commands for the reader's shell. A `text` block right after it is their output, in which `…` stands for any text. Each
 *   command of a block without shown output must succeed.
 * - `sh terminal`: one command that runs on in another terminal.
 * - `<language> file=<name>`: a file that the reader saves.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { endWithThisProcess, environment } from "./run-program.ts";
import { COUNTERSIGN } from "./server.ts";

/** What a reader needs, who follows a page in a shell. */
export const READER_REQUIREMENT = {
  name: "bash, curl or openssl",
  debianPackages: "bash curl openssl",
  probes: [
    ["bash", "--version"],
    ["curl", "--version"],
    ["openssl", "version"],
  ],
} as const;

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  /** The rest of the info string. */
  readonly info: string;
  readonly text: string;
  /** The line of the page at which the block begins, from 1. */
  readonly line: number;
}

/** The fenced blocks of a page, in order. */
export function readBlocks(page: string): readonly Block[] {
  return [...page.matchAll(/^```(\S+)(?: ([^\n]*))?\n([^]*?)^```$/gm)].map(
    ({ index, 1: language = "", 2: info = "", 3: text = "" }) => {
      const line = page.slice(0, index).split("\n").length;
      return { language, info, text, line };
    },
  );
}

/** A shell that keeps its variables and its folder from block to block. */
class Shell {
  readonly #child: ChildProcess;
  #output = "";
  #blocks = 0;

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn("bash", ["--norc"], { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    endWithThisProcess(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
  }

  /** Types lines. @returns what they print, and the exit status of the last command among them that failed: 0 if none did */
  async type(lines: string): Promise<{ output: string; status: number }> {
    const mark = `__block_${++this.#blocks}__`;
    this.#output = "";
    this.#child.stdin?.write(`__failed=0\n${lines}\nprintf '${mark} %s\\n' "$__failed"\n`);
    const end = new RegExp(`${mark} (\\d+)\\n`);
    const [line, status] = await eventually(`the lines end: ${lines}`, () => end.exec(this.#output) ?? undefined);
    return { output: this.#output.replace(line, ""), status: Number(status) };
  }

  end(): void {
    this.#child.stdin?.end();
  }
}

/**
 * Follows a page.
 *
 * @param replace what the page says and what stands for it here, such as a port; in commands, files and output
 * @param settings variables of the reader's shell
 * @throws {AssertionError} if a command's output differs from the page's, or a command without shown output fails; with its line
 */
export async function followPage(
  file: string,
  cwd: string,
  replace: readonly (readonly [RegExp, string])[],
  settings: NodeJS.ProcessEnv = {},
): Promise<void> {
  const here = (text: string) => replace.reduce((changed, [pattern, by]) => changed.replaceAll(pattern, by), text);
  const env = environment({ PATH: process.env["PATH"] ?? "", NODE: process.execPath, ...settings });
  // npx runs the checkout's command line, as it does for a reader who is in the checkout; node is the one of this test.
  // One stream, so that what a command prints as an error is complete, and in its place, when its block ends.
  // An installed command line is the checkout's, too.
  const shim = [
    'exec 2>&1; set -o pipefail; trap "__failed=\\$?" ERR',
    `countersign() { "$NODE" "${COUNTERSIGN}" "$@"; }; npx() { shift; countersign "$@"; }; node() { "$NODE" "$@"; }`,
  ].join("\n");
  const shell = new Shell(cwd, env);
  const running: ChildProcess[] = [];
  await shell.type(shim);
  let typed: { output: string; status: number; place: string } | undefined;
  const assertSucceeded = () => {
    if (typed !== undefined) assert.equal(typed.status, 0, `${typed.place} fails:\n${typed.output}`);
    typed = undefined;
  };
  try {
    for (const block of readBlocks(readFileSync(file, "utf8"))) {
      const place = `${file}:${block.line}`;
      if (block.language !== "text") assertSucceeded();
      const [, name] = /\bfile=(\S+)/.exec(block.info) ?? [];
      if (name !== undefined) writeFileSync(join(cwd, name), here(block.text));
      else if (block.language === "sh" && block.info === "terminal")
        running.push(await start(here(block.text), cwd, env));
      else if (block.language === "sh" && block.info === "") typed = { ...(await shell.type(here(block.text))), place };
      else if (block.language === "text" && typed !== undefined) {
        assertShown(typed.output, here(block.text), place);
        typed = undefined;
      }
    }
    assertSucceeded();
  } finally {
    shell.end();
    for (const child of running) child.kill();
  }
}

/** Runs a command on. Resolves with its first line of output. */
async function start(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  // As a process of its own, so that ending it ends the program.
  const program = command
    .trim()
    .replace(/^npx countersign\b/, `"$NODE" "${COUNTERSIGN}"`)
    .replace(/^node\b/, '"$NODE"');
  const child = spawn("bash", ["-c", `exec ${program}`], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  endWithThisProcess(child);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  await eventually(`"${command.trim()}" says that it runs`, () => {
    assert.equal(child.exitCode, null, errors);
    return output.includes("\n");
  });
  return child;
}

/** Compares an output with what a page shows: line by line, without white space at the ends, `…` for any text. */
function assertShown(output: string, shown: string, place: string): void {
  const lines = (text: string) =>
    text
      .replaceAll("\r", "")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
  const pattern = lines(shown)
    .map((line) =>
      line
        .split("…")
        .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
        .join(".*"),
    )
    .join("\n");
  assert.match(lines(output).join("\n"), new RegExp(`^${pattern}$`, "s"), place);
}
