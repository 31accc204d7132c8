/**
 * Benchmarks: this service beside what bounds it, in one run on one machine. Read the ratios, not the absolutes.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    connections: { type: "string", default: "32" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);

/** Different assertions, so that nothing can be remembered from one to the next. */
const ASSERTIONS = 500;

if (spawnSync("wrk", ["-v"]).error !== undefined) {
  process.stderr.write("bench: wrk is missing; install Debian's package wrk\n");
  process.exit(1);
}
/** The server has core 0 to itself, the load generator the rest. */
const isPinned = availableParallelism() > 1 && spawnSync("taskset", ["-V"]).error === undefined;
const onServerCore = isPinned ? ["taskset", "-c", "0"] : [];
const onLoadCore = isPinned ? ["taskset", "-c", "1"] : [];

const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const countersign = join(import.meta.dirname, "..", "packages", "server", "bin", "countersign.js");
const children: ChildProcess[] = [];

try {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicPem = publicKey.export({ format: "pem", type: "spki" });
  admin(["account", "create", "bench"]);
  admin(["user", "create", "bench", "--account", "bench"]);
  admin(["key", "add", "api-1-bench", publicPem]);
  const startedAt = performance.now();
  const service = await start([countersign, "serve", "--data-dir", folder, "--port", "0", "--admin-port", "0"]);
  const readyMs = performance.now() - startedAt;
  const { public_url: publicUrl, pid } = JSON.parse(service) as { public_url: string; pid: number };
  const idleMiB = residentMiB(pid);

  const refreshUrl = `${publicUrl}/api/auth/v0/refresh/?ttl=3600`;
  const checkUrl = `${publicUrl}/api/auth/v0/check/`;
  const exchanged = await fetch(refreshUrl, { headers: { authorization: `JWT ${assertion(privateKey)}` } });
  const grant = await exchanged.text();
  const { token } = (JSON.parse(grant) as { data: { token: string } }).data;
  const helloMint = await start([join(import.meta.dirname, "hello.ts"), grant]);
  const helloCheck = await start([join(import.meta.dirname, "hello.ts"), ""]);

  const results = {
    hello: [] as number[],
    helloEmpty: [] as number[],
    verify: [] as number[],
    mint: [] as number[],
    check: [] as number[],
  };
  for (let round = 0; round < rounds; round++) {
    // Each gets requests of the same size: what a long header costs is part of the baseline.
    const assertions = Array.from({ length: ASSERTIONS }, () => `JWT ${assertion(privateKey)}`);
    results.hello.push(load(helloMint, assertions));
    results.mint.push(load(refreshUrl, assertions));
    results.helloEmpty.push(load(helloCheck, [`Token ${token}`]));
    results.check.push(load(checkUrl, [`Token ${token}`]));
    results.verify.push(verifyRate(publicPem, privateKey));
  }
  const median = Object.fromEntries(
    Object.entries(results).map(([name, values]) => [name, medianOf(values)]),
  ) as Record<keyof typeof results, number>;
  const limit = 1 / (1 / median.hello + 1 / median.verify);
  const report = {
    node: process.version,
    ready_ms: Math.round(readyMs),
    idle_mib: Math.round(idleMiB),
    after_load_mib: Math.round(residentMiB(pid)),
    per_second: Object.fromEntries(Object.entries(median).map(([name, value]) => [name, Math.round(value)])),
    mint_limit: Math.round(limit),
    mint_of_limit: round2(median.mint / limit),
    mint_of_hello: round2(median.mint / median.hello),
    check_of_hello: round2(median.check / median.helloEmpty),
  };
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${describe(report)}\n`);
} finally {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(children.map((child) => new Promise((resolve) => child.once("exit", resolve))));
  rmSync(folder, { recursive: true, force: true });
}

function admin(words: string[]): void {
  execFileSync(process.execPath, [countersign, ...words, "--data-dir", folder, "--json"]);
}

/** Starts a program of ours on the server's core and resolves with the first line that it prints. */
function start(words: string[]): Promise<string> {
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

function assertion(key: KeyObject): string {
  const claims = { username: "api-1-bench", iat: Date.now() / 1000 };
  const text = [{ alg: "RS256", typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}

/** Requests a second that were answered 200; anything else spoils the figure and is an error. */
function load(url: string, credentials: readonly string[]): number {
  const script = join(folder, "load.lua");
  writeFileSync(
    script,
    `local credentials = { ${credentials.map((credential) => JSON.stringify(credential)).join(",\n")} }
local next = 0
request = function()
  next = next % #credentials + 1
  wrk.headers["Authorization"] = credentials[next]
  return wrk.format()
end`,
  );
  const wrk = ["wrk", "-t1", `-c${options.connections}`, `-d${seconds}s`, "-s", script, url];
  const output = run([...onLoadCore, ...wrk]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`bad answers from ${url}:\n${output}`);
  return Number(/Requests\/sec:\s+([0-9.]+)/.exec(output)?.[1]);
}

/** RSA-2048 checks a second with a parsed key, one after the other, on the server's core. */
function verifyRate(publicPem: string, privateKey: KeyObject): number {
  const text = assertion(privateKey);
  return Number(run([...onServerCore, process.execPath, join(import.meta.dirname, "verify-rate.ts"), publicPem, text]));
}

function run([program, ...words]: string[]): string {
  return execFileSync(program ?? "", words, { encoding: "utf8" });
}

function residentMiB(pid: number): number {
  return Number(run(["ps", "-o", "rss=", "-p", String(pid)])) / 1024;
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function describe(report: Record<string, unknown>): string {
  return JSON.stringify(report, null, 2);
}
