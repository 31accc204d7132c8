/**
 * What the benchmarks share: a service on a throw-away store, programs pinned to a core, wrk, medians.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

if (spawnSync("wrk", ["-v"]).error !== undefined) {
  process.stderr.write("bench: wrk is missing; install Debian's package wrk\n");
  process.exit(1);
}
/** The server has core 0 to itself, the load generator the rest. */
const isPinned = availableParallelism() > 1 && spawnSync("taskset", ["-V"]).error === undefined;
export const onServerCore = isPinned ? ["taskset", "-c", "0"] : [];
const onLoadCore = isPinned ? ["taskset", "-c", "1"] : [];

export const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const countersign = join(import.meta.dirname, "..", "packages", "server", "bin", "countersign.js");
const children: ChildProcess[] = [];

/** Ends what was started and removes the folder. */
export async function cleanUp(): Promise<void> {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(children.map((child) => new Promise((resolve) => child.once("exit", resolve))));
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a command of `countersign` on the store, and returns the JSON that it prints. */
export function admin(words: readonly string[]): unknown {
  return JSON.parse(run([process.execPath, countersign, ...words, "--data-dir", folder, "--json"]));
}

/** Starts the service, and says where it is and how long that took. */
export async function startService() {
  const startedAt = performance.now();
  const line = await start([countersign, "serve", "--data-dir", folder, "--port", "0", "--admin-port", "0"]);
  const { public_url: publicUrl, pid } = JSON.parse(line) as { public_url: string; pid: number };
  return { publicUrl, pid, readyMs: performance.now() - startedAt };
}

/** Starts a program of ours on the server's core and resolves with the first line that it prints. */
export function start(words: readonly string[]): Promise<string> {
  const [program, ...rest] = [...onServerCore, process.execPath, ...words];
  const child = spawn(program ?? process.execPath, rest, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", () => {
      reject(new Error(`${words[0]} ended before it was ready`));
    });
  });
}

/** Starts the baseline, whose every answer has this body. */
export function startHello(body: string): Promise<string> {
  return start([join(import.meta.dirname, "hello.ts"), body]);
}

/** Signs an assertion of the API user `api-1-bench` for the exchange. */
export function assertion(key: KeyObject): string {
  const claims = { username: "api-1-bench", iat: Date.now() / 1000 };
  const text = [{ alg: "RS256", typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}

export interface Load {
  readonly seconds: number;
  readonly connections: string;
  /** By turns, one a request. */
  readonly credentials: readonly string[];
  /** A form to post; a GET without. */
  readonly form?: string;
}

/** Requests a second that were answered 2xx; anything else spoils the figure and is an error. */
export function load(url: string, { seconds, connections, credentials, form }: Load): number {
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
  const output = run([...onLoadCore, "wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`bad answers from ${url}:\n${output}`);
  return Number(/Requests\/sec:\s+([0-9.]+)/.exec(output)?.[1]);
}

export function run([program, ...words]: readonly string[]): string {
  return execFileSync(program ?? "", words, { encoding: "utf8" });
}

export function residentMiB(pid: number): number {
  return Number(run(["ps", "-o", "rss=", "-p", String(pid)])) / 1024;
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
