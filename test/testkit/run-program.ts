import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";

/** How long a program may run by default, in milliseconds. */
const RUN_TIMEOUT_MS = 180_000;

/** The result of a program that has ended. */
export interface ProgramResult {
  /** Exit status; `null` where a signal ended the program. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** The program's standard input; empty by default. */
  readonly input?: string;
  /** The whole environment; by default this process's without `COUNTERSIGN_…`. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end without blocking this process: a test can send requests meanwhile.
 *
 * @throws if the program can't be started, or doesn't end in time (it is killed then)
 */
export function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { input = "", env = environment(), timeoutMs = RUN_TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    endWithThisProcess(child);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // A program that doesn't read its input may end before all of it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const deadline = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${file} ${args[0] ?? ""} didn't end within ${timeoutMs} ms; standard error: ${stderr}`));
    }, timeoutMs);
    child.on("error", (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    child.on("close", (status) => {
      clearTimeout(deadline);
      resolve({ status, stdout, stderr });
    });
  });
}

/** This process's environment without `COUNTERSIGN_…`, so that a developer's own settings don't affect a test. */
export function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("COUNTERSIGN_"));
  // Set by the test runner, for its own children.
  return { ...Object.fromEntries(inherited), NODE_TEST_CONTEXT: undefined, ...more };
}

/**
 * Starts a program that runs until this process ends, and doesn't keep it running.
 *
 * @returns the process, and what it has written to standard error so far
 */
export function startBackgroundProgram(
  file: string,
  args: readonly string[],
  folder: string,
): { readonly child: ChildProcess; readonly stderr: () => string } {
  const child: ChildProcess = spawn(file, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  endWithThisProcess(child);
  let output = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  (child.stderr as Socket | null)?.unref();
  child.unref();
  return { child, stderr: () => output };
}

const running = new Set<ChildProcess>();

/** Kills a child when this process ends, however the test ended. */
export function endWithThisProcess(child: ChildProcess): void {
  if (process.listenerCount("exit", killAll) === 0) {
    process.on("exit", killAll);
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => process.exit(1));
  }
  running.add(child);
  child.once("exit", () => running.delete(child));
}

function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}
