/**
 * What the benchmarks share: a service on a throw-away store, programs pinned to a core, wrk, medians.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

if (spawnSync("wrk", ["-v"]).error !== undefined) {
  process.stderr.write("bench: wrk is missing; install Debian's package wrk\n");
  process.exit(1);
}
/** Core 0 is for the server alone; the load generator has the rest. */
const isPinned = availableParallelism() > 1 && spawnSync("taskset", ["-V"]).error === undefined;
export const onServerCore = isPinned ? ["taskset", "-c", "0"] : [];
const onLoadCore = isPinned ? ["taskset", "-c", "1"] : [];

export const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const countersign = join(import.meta.dirname, "..", "packages", "server", "bin", "countersign.js");
const children = new Set<ChildProcess>();

/** The command line of a benchmark under load. */
export function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "5" },
      connections: { type: "string", default: "32" },
      json: { type: "boolean", default: false },
    },
  });
  return { ...values, rounds: Number(values.rounds), seconds: Number(values.seconds) };
}

/** Stops everything that was started and removes the folder. */
export async function cleanUp(): Promise<void> {
  const ending = [...children].map((child) => new Promise((resolve) => child.once("exit", resolve)));
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(ending);
  rmSync(folder, { recursive: true, force: true });
}

/** The store of a service: SQLite in a folder (by default the benchmark's), or a database. */
export interface StoreChoice {
  readonly dataDir?: string;
  readonly databaseUrl?: string;
}

function storeFlags({ dataDir = folder, databaseUrl }: StoreChoice): readonly string[] {
  return ["--data-dir", dataDir, ...(databaseUrl === undefined ? [] : ["--database-url", databaseUrl])];
}

/** Runs a command of `countersign` on the store, and returns the JSON that it prints. */
export function admin(words: readonly string[], store: StoreChoice = {}): unknown {
  return JSON.parse(run([process.execPath, countersign, ...words, ...storeFlags(store), "--json"]));
}

/** Starts the service. @returns its URLs and how long the start took */
export async function startService(store: StoreChoice = {}, flags: readonly string[] = [], isPinned = true) {
  const startedAt = performance.now();
  const words = [countersign, "serve", ...storeFlags(store), "--port", "0", "--admin-port", "0", ...flags];
  const child = startProgram(words, isPinned ? onServerCore : []);
  const { public_url: publicUrl, pid } = JSON.parse(await child.line) as { public_url: string; pid: number };
  return {
    publicUrl,
    pid,
    readyMs: performance.now() - startedAt,
    stop: () => {
      child.process.kill("SIGTERM");
      return new Promise((resolve) => child.process.once("exit", resolve));
    },
  };
}

/** Starts one of our programs on the server's core and resolves with the first line that it prints. */
export function start(words: readonly string[]): Promise<string> {
  return startProgram(words, onServerCore).line;
}

function startProgram(words: readonly string[], prefix: readonly string[]) {
  const [program, ...rest] = [...prefix, process.execPath, ...words];
  const child = spawn(program ?? process.execPath, rest, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  const line = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", () => {
      reject(new Error(`${words[0]} ended before it was ready`));
    });
  });
  return { process: child, line };
}

/** Starts the baseline, whose every answer has this body. */
export function startHello(body: string): Promise<string> {
  return start([join(import.meta.dirname, "hello.ts"), body]);
}

export interface Load {
  readonly seconds: number;
  readonly connections: string;
  /** Alternating, one for each request. */
  readonly credentials: readonly string[];
  /** Whether wrk has a core of its own; true by default. */
  readonly isPinned?: boolean;
  /** A form to post; without it, requests are GET. */
  readonly form?: string;
}

/** Requests a second that were answered 2xx; any other answer spoils the figure and is an error. */
export function load(url: string, { seconds, connections, credentials, form, isPinned: pin = true }: Load): number {
  const script = join(folder, "load.lua");
  const post = `wrk.method = "POST"
wrk.body = ${JSON.stringify(form ?? "")}
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"`;
  writeFileSync(
    script,
    `local credentials = { ${credentials.map((credential) => JSON.stringify(credential)).join(",\n")} }
local next = 0
${form === undefined ? "" : post}
request = function()
  next = next % #credentials + 1
  wrk.headers["Authorization"] = credentials[next]
  return wrk.format()
end`,
  );
  const output = run([
    ...(pin ? onLoadCore : []),
    "wrk",
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "-s",
    script,
    url,
  ]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`bad answers from ${url}:\n${output}`);
  return Number(/Requests\/sec:\s+([0-9.]+)/.exec(output)?.[1]);
}

export function run([program, ...words]: readonly string[]): string {
  return execFileSync(program ?? "", words, { encoding: "utf8" });
}

export function residentMiB(pid: number): number {
  return Number(run(["ps", "-o", "rss=", "-p", String(pid)])) / 1024;
}

/** The quantile of the values at `part` (0 to 1), in their unit, rounded to hundredths. */
export function quantile(values: readonly number[], part: number): number {
  return round2(values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? Number.NaN);
}

/** The median of each series, as whole numbers. */
export function mediansOf<Name extends string>(
  series: Readonly<Record<Name, readonly number[]>>,
): Record<Name, number> {
  const entries = Object.entries<readonly number[]>(series).map(([name, values]) => [name, medianOf(values)]);
  return Object.fromEntries(entries) as Record<Name, number>;
}

function medianOf(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN);
}

export function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

export function printReport(report: object, isJson: boolean): void {
  process.stdout.write(`${isJson ? JSON.stringify(report) : JSON.stringify(report, null, 2)}\n`);
}
