/**
 * Support for end-to-end tests: a real server and the real command line, in processes beside the test's, on a store in a
 * temporary folder. Everything goes through the public interfaces (`packages/server/bin/countersign.js`, HTTP, files);
 * nothing here imports the server's sources or asserts.
 *
 *     const server = await startServer();
 *     after(() => server.stop());
 *     const user = await createApiUser(server);
 *     await server.json("key", "deactivate", String(user.keyId));
 *
 * What a test leaves behind ends with its process: servers are killed, temporary folders removed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { COUNTERSIGN, runCountersign } from "./run-countersign.ts";
import { endWithThisProcess, environment, type ProgramResult } from "./run-program.ts";

export { COUNTERSIGN };

/** Both only keep a broken test from hanging: a loaded machine may be slow. */
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 120_000;

export interface ServerOptions {
  /** The folder of the store, such as that of a stopped or killed server. By default a new temporary folder. */
  readonly dataDir?: string;
  /** Further flags of `serve`. Both ports and the drain delay are 0 by default. */
  readonly flags?: readonly string[];
  /** A program that runs the server, such as `prlimit`. */
  readonly prefix?: readonly string[];
  /** Further variables of the server's environment. The command line gets them too. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a server's process ended. */
export interface ServerExit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface TestServer {
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly adminUrl: string;
  /** A folder for this server alone; private keys of a test may go there too. */
  readonly dataDir: string;
  readonly pid: number;
  /** Runs `countersign` on this server's store, whether the server is running or not. Doesn't throw for any status. */
  cli(...args: string[]): Promise<ProgramResult>;
  /** The same with text on standard input. */
  cliWithInput(input: string, ...args: string[]): Promise<ProgramResult>;
  /** Runs `countersign … --json` and parses what it prints. @throws if the status isn't 0 */
  json<Value = unknown>(...args: string[]): Promise<Value>;
  /** All of standard output up to now. */
  stdout(): string;
  /** The log up to now. */
  stderr(): string;
  /** Sends SIGTERM and waits for the end; returns at once if it has ended already. @throws if it doesn't end in time */
  stop(): Promise<ServerExit>;
  /** Sends SIGKILL, like a crash, and waits for the end. The store stays. */
  kill(): Promise<ServerExit>;
}

/** Within this time a server knows what another process has changed, in milliseconds. */
const CHANGE_MS_MAX = 100;

/** Commands that change nothing, and second words of others that don't. */
const READING_COMMANDS: ReadonlySet<string | undefined> = new Set(["audit", "check", "explain", "export", "token"]);
const READING_WORDS: ReadonlySet<string | undefined> = new Set(["list", "show"]);

/**
 * Starts a server and waits for its ready line.
 *
 * @throws if it ends or stays silent instead; the message holds its standard error
 */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const { dataDir = temporaryFolder(), flags = [], prefix = [], env = {} } = options;
  const childEnvironment = environment({ COUNTERSIGN_DATA_DIR: dataDir, ...env });
  const ports = ["--port", "--admin-port"].flatMap((flag) => (flags.includes(flag) ? [] : [flag, "0"]));
  const delay = flags.includes("--drain-delay") || "COUNTERSIGN_DRAIN_DELAY" in env ? [] : ["--drain-delay", "0s"];
  const [program = "", ...words] = [...prefix, process.execPath, COUNTERSIGN, "serve", ...ports, ...delay, ...flags];
  const child = spawn(program, words, {
    env: childEnvironment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithThisProcess(child);
  let stdout = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<ServerExit>((resolve) => {
    child.once("exit", (status, signal) => {
      resolve({ status, signal });
    });
  });
  const line = await new Promise<string>((resolve, reject) => {
    const fail = (problem: string) => {
      clearTimeout(deadline);
      child.kill("SIGKILL");
      reject(new Error(`countersign serve ${problem}; standard error: ${stderr}`));
    };
    const deadline = setTimeout(() => {
      fail(`printed no ready line within ${READY_TIMEOUT_MS} ms`);
    }, READY_TIMEOUT_MS);
    child.once("error", (error) => {
      fail(`can't be started (${error.message})`);
    });
    // "close" and not "exit": by then all of standard error has been read.
    child.once("close", (status) => {
      fail(`ended with status ${status} before it was ready`);
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (!stdout.includes("\n")) return;
      clearTimeout(deadline);
      resolve(stdout.slice(0, stdout.indexOf("\n")));
    });
  });
  // A forgotten server must not keep this process running; it is killed when the process ends.
  setKeepsAlive(child, false);
  const ready = JSON.parse(line) as { public_url: string; admin_url: string; pid: number };

  const run = async (args: readonly string[], input?: string) => {
    const result = await runCountersign(args, { env: childEnvironment, ...(input !== undefined && { input }) });
    // A command's program takes its time to end; a companion's command is over before the server has read the change.
    const isReading = READING_COMMANDS.has(args[0]) || READING_WORDS.has(args[1]);
    if (result.status === 0 && !isReading) await pause(CHANGE_MS_MAX);
    return result;
  };
  return {
    publicUrl: ready.public_url,
    adminUrl: ready.admin_url,
    dataDir,
    pid: ready.pid,
    cli: (...args) => run(args),
    cliWithInput: (input, ...args) => run(args, input),
    async json<Value>(...args: string[]) {
      const result = await run([...args, "--json"]);
      if (result.status !== 0) {
        throw new Error(`countersign ${args.join(" ")} ended with status ${result.status}: ${result.stderr}`);
      }
      return JSON.parse(result.stdout) as Value;
    },
    stdout: () => stdout,
    stderr: () => stderr,
    stop: () => endServer(child, ended),
    async kill() {
      setKeepsAlive(child, true);
      child.kill("SIGKILL");
      return await ended;
    },
  };
}

/** Sets whether a running child keeps this process alive. */
function setKeepsAlive(child: ChildProcess, keepsAlive: boolean): void {
  const streams = [child.stdout, child.stderr] as (Socket | null)[];
  for (const handle of [child, ...streams]) {
    if (keepsAlive) handle?.ref();
    else handle?.unref();
  }
}

async function endServer(child: ChildProcess, ended: Promise<ServerExit>): Promise<ServerExit> {
  if (child.exitCode !== null || child.signalCode !== null) return await ended;
  setKeepsAlive(child, true);
  child.kill("SIGTERM");
  let deadline: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    deadline = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`The server didn't end within ${STOP_TIMEOUT_MS} ms of SIGTERM.`));
    }, STOP_TIMEOUT_MS);
  });
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(deadline);
  }
}

/** An API user with one active key. */
export interface TestApiUser {
  readonly username: string;
  readonly keyId: number;
  /** PKCS#8, PEM, of 2048 bits. */
  readonly privateKeyFile: string;
}

/**
 * Creates an account, an API user in it and a key pair through the command line.
 *
 * @param options.account `acme` by default; must not exist yet
 * @param options.flags further flags of `user create`, such as `--read-only`
 */
export async function createApiUser(
  server: TestServer,
  options: { readonly account?: string; readonly name?: string; readonly flags?: readonly string[] } = {},
): Promise<TestApiUser> {
  const { account = "acme", name = "demo", flags = [] } = options;
  await server.json("account", "create", account);
  const user = await server.json<{ username: string }>("user", "create", name, "--account", account, ...flags);
  return { username: user.username, ...(await createKey(server, user.username)) };
}

/** The words of the command by which an API user gets a token from a server. */
export function tokenCommand(
  { publicUrl }: Pick<TestServer, "publicUrl">,
  { username, privateKeyFile }: Pick<TestApiUser, "username" | "privateKeyFile">,
): string[] {
  return ["token", "--username", username, "--key", privateKeyFile, "--url", publicUrl];
}

/** Makes a key pair for an API user through the command line, the private half in a new file. */
export async function createKey(
  server: TestServer,
  username: string,
): Promise<{ readonly keyId: number; readonly privateKeyFile: string }> {
  const privateKeyFile = join(temporaryFolder(), "private.pem");
  const key = await server.json<{ id: number }>("key", "generate", username, "--out", privateKeyFile);
  return { keyId: key.id, privateKeyFile };
}

const folders = new Set<string>();

/**
 * A new folder that only this user can read. It is removed when this process ends. Its name has no capitals: the
 * command line sometimes takes a path with mkdtemp's random part for a secret, and redacts it.
 */
export function temporaryFolder(): string {
  if (folders.size === 0) process.once("exit", removeFolders);
  const folder = join(tmpdir(), `countersign-e2e-${randomBytes(8).toString("hex")}`);
  mkdirSync(folder, { mode: 0o700 });
  folders.add(folder);
  return folder;
}

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** Parses what a command with `--json` has printed. @throws unless it succeeded and printed one line */
export function parseJsonLine({ status, stdout, stderr }: ProgramResult): unknown {
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^[^\n]+\n$/, "one JSON value in one line, and nothing else");
  return JSON.parse(stdout);
}

/** Asserts that a command has failed as documented: the status, one line on standard error and nothing on standard output. */
export function assertFails({ status, stdout, stderr }: ProgramResult, expected: 1 | 2, says: RegExp): void {
  assert.match(stderr, /^countersign: [^\n]+\n$/, "one line");
  assert.match(stderr, says);
  assert.equal(status, expected, stderr);
  // With --json the error is a value too.
  if (stdout !== "") {
    const { error } = JSON.parse(stdout) as { readonly error: { readonly message: string } };
    assert.equal(stderr, `countersign: ${error.message}\n`);
  }
  assert.doesNotMatch(stderr, /\bat .*:[0-9]+:[0-9]+|node:|\.ts\b/, "no stack trace");
}
