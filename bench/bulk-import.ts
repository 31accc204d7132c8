/**
 * Measures `countersign user import`: API users with a key each, into an empty store of both engines; then, separately, the gate (the
 * examination of the keys) and the writing.
 *
 *     node bench/bulk-import.ts [--users 100000] [--engine sqlite|postgresql|both] [--gate 8192]
 *
 * The moduli are odd numbers of 2048 bits without factors below 2^16 and with unknown factors. The examination can't tell them from
 * products of two primes, which would take hours to make; nobody has the private keys. One or two in a hundred of them are primes,
 * which the import refuses: it must cost nothing extra.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { parsePublicKey } from "../packages/server/src/core/keys/admission.ts";
import { createKeyGate } from "../packages/server/src/core/keys/admit-key.ts";
import type { KeyId } from "../packages/server/src/core/keys/model.ts";
import { primesBelow } from "../packages/server/src/core/keys/weakness/numbers.ts";
import { createKeyExaminerPool } from "../packages/server/src/platform/key-examiner-pool.ts";
import { startPostgres } from "../packages/server/src/testing/test-postgres.ts";

const countersign = join(import.meta.dirname, "..", "packages", "server", "bin", "countersign.js");

/** Distances from a random number in which moduli are looked for. */
const SIEVE = 1 << 17;

/** DER of a SubjectPublicKeyInfo with a modulus of 2048 bits and the exponent 65537, before and after the modulus. */
const BEFORE = Buffer.from("30820122300d06092a864886f70d01010105000382010f003082010a0282010100", "hex");
const AFTER = Buffer.from("0203010001", "hex");

/** Base64 of as many public keys as asked for. */
function* publicKeys(count: number): Generator<string> {
  const primes = primesBelow(65_537).slice(1);
  for (let made = 0; made < count; ) {
    const base = randomBytes(256);
    base[0] = (base[0] ?? 0) | 0xc0;
    base.fill(0, 253);
    const isComposite = new Uint8Array(SIEVE);
    for (const prime of primes) {
      let rest = 0;
      for (const byte of base) rest = (rest * 256 + byte) % prime;
      for (let at = (prime - rest) % prime; at < SIEVE; at += prime) isComposite[at] = 1;
    }
    for (let at = 1; at < SIEVE && made < count; at += 2) {
      if (isComposite[at] === 1) continue;
      const modulus = Buffer.from(base);
      modulus.writeUIntBE(at, 253, 3);
      made++;
      yield Buffer.concat([BEFORE, modulus, AFTER]).toString("base64");
    }
  }
}

async function writeFile(file: string, count: number): Promise<void> {
  const stream = createWriteStream(file);
  stream.write("account,name,access,public_key,label\r\n");
  let number = 0;
  for (const key of publicKeys(count)) {
    stream.write(`acme,client-${++number},full,${key},made for the benchmark\r\n`);
  }
  stream.end();
  await finished(stream);
}

interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly output: string;
}

/** Runs a command, with the processor time of all its threads. */
async function run(words: readonly string[]): Promise<Run> {
  const started = performance.now();
  const child = spawn(process.execPath, [countersign, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  let lastTicks = 0;
  const timer = setInterval(() => {
    lastTicks = ticksOf(child.pid ?? 0) || lastTicks;
  }, 100);
  const status = await new Promise((resolve) => child.once("exit", resolve));
  clearInterval(timer);
  // 1: some of the moduli are primes, and refused.
  if (status !== 0 && status !== 1) throw new Error(`${words.join(" ")} ended with ${String(status)}: ${output}`);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds: lastTicks / 100, output };
}

/** The processor time that a process has used, in hundredths of a second (proc(5)). */
function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

async function measureImport(name: string, file: string, flags: readonly string[], users: number): Promise<void> {
  await run(["account", "create", "acme", ...flags]);
  const imported = await run(["user", "import", file, "--rejects", `${file}.${name}.csv`, "--json", ...flags]);
  const again = await run(["user", "import", file, "--rejects", `${file}.${name}.again.csv`, "--json", ...flags]);
  report(`${name}: import`, users, imported.seconds, imported.cpuSeconds);
  print(`  ${countsOf(imported)}`);
  report(`${name}: the same again`, users, again.seconds, again.cpuSeconds);
  print(`  ${countsOf(again)}`);
}

function countsOf({ output }: Run): string {
  const { problems, ...counts } = JSON.parse(output) as { readonly problems: readonly { readonly message: string }[] };
  return `${JSON.stringify(counts)}, problems such as: ${problems[0]?.message ?? "none"}`;
}

/** The gate alone: what the import does with the keys, with nothing written. A registry of 20,000 keys is compared with. */
async function measureGate(count: number): Promise<void> {
  const pool = createKeyExaminerPool([], availableParallelism());
  const keys = [...publicKeys(count + 20_000)].map((text) => parsePublicKey(text));
  const registered = keys.splice(0, 20_000).map(({ spki }, index) => ({ id: (index + 1) as KeyId, spki }));
  const { admitKeys } = createKeyGate(pool, {
    storeId: () => Promise.resolve("bench"),
    highestIds: () => Promise.resolve({ ...NO_IDS, keys: registered.length }),
    keys: { listModuli: (after, limit) => Promise.resolve(registered.slice(after, after + limit)) },
  });
  await admitKeys(keys.slice(0, 1), "bench")();
  const started = performance.now();
  const before = process.cpuUsage();
  const batches = Array.from({ length: Math.ceil(count / 2048) }, (_, index) =>
    keys.slice(index * 2048, (index + 1) * 2048),
  );
  let next = admitKeys(batches[0] ?? [], "bench");
  for (const [index] of batches.entries()) {
    const finish = next;
    next = admitKeys(batches[index + 1] ?? [], "bench");
    await finish();
  }
  const { user, system } = process.cpuUsage(before);
  report("gate alone, registry of 20,000 keys", count, (performance.now() - started) / 1000, (user + system) / 1e6);
  await pool.close();
}

const NO_IDS = { accounts: 0, users: 0, keys: 0, resourceServers: 0, operators: 0, adminTokens: 0, signingKeys: 0 };

function report(what: string, count: number, seconds: number, cpuSeconds: number): void {
  const perSecond = (count / seconds).toFixed(0);
  const cpu = ((cpuSeconds * 1000) / count).toFixed(2);
  print(
    `${what}: ${count} in ${seconds.toFixed(1)} s, ${perSecond}/s, ${cpu} ms of processor time each (load ${loadavg()[0]?.toFixed(1)})`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    users: { type: "string", default: "100000" },
    engine: { type: "string", default: "both" },
    gate: { type: "string", default: "8192" },
  },
});
const users = Number(values.users);
const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
try {
  const file = join(folder, "users.csv");
  await writeFile(file, users);
  await measureGate(Number(values.gate));
  if (values.engine !== "postgresql") {
    const flags = ["--data-dir", join(folder, "sqlite")];
    await measureImport("SQLite", file, flags, users);
  }
  if (values.engine !== "sqlite") {
    const postgres = await startPostgres({ settings: ["fsync=on"] });
    try {
      const flags = ["--data-dir", join(folder, "postgresql"), "--database-url", await postgres.createDatabase()];
      await measureImport("PostgreSQL", file, flags, users);
    } finally {
      await postgres.stop();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
