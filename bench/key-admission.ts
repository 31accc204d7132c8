/**
 * Measures the examination of public keys: how long it takes by size, what a registry of many keys adds, and how long requests wait
 * while keys are examined in their thread.
 *
 *     node bench/key-admission.ts
 *     node bench/key-admission.ts --fresh 2000     makes ordinary keys by openssl, Node and Python, and examines them all
 *
 * With `--fresh` it fails if a key is refused. Python's keys need its package cryptography.
 */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, generatePrimeSync } from "node:crypto";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { parsePublicKey } from "../packages/server/src/core/keys/admission.ts";
import type { KeyId } from "../packages/server/src/core/keys/model.ts";
import {
  COMPARED_KEYS_MAX,
  createKeyExaminer,
  type KeyExaminer,
} from "../packages/server/src/core/keys/weakness/key-examiner.ts";
import { createIsPublished } from "../packages/server/src/platform/key-blocklist.ts";
import { createKeyExaminerThread } from "../packages/server/src/platform/key-examiner-thread.ts";
import { publicKeyText } from "../packages/server/src/testing/public-key-text.ts";

const ROUNDS = 15;
const STREAM_KEYS = 40;

async function measure(): Promise<void> {
  const thread = createKeyExaminerThread([], (problem) => print(String(problem)));
  const empty = createKeyExaminer(createIsPublished([]));
  const full = createKeyExaminer(createIsPublished([]));
  const learnMs = await timed(() => learnMany(full));
  print(`learning ${COMPARED_KEYS_MAX} registered keys of 2048 bits: ${learnMs.toFixed(0)} ms, once`);
  print("bits   median ms   slowest ms   with a full registry   processor time");
  for (const bits of [2048, 3072, 4096, 6144, 8192]) {
    const { modulus } = parsePublicKey(ordinaryKey(bits));
    await thread.examine(modulus, "bench");
    const times = await repeated(() => thread.examine(modulus, "bench"));
    const withMany = await repeated(() => full.examine(modulus, "bench"));
    const before = process.cpuUsage();
    await empty.examine(modulus, "bench");
    const { user, system } = process.cpuUsage(before);
    const cells = [times[ROUNDS >> 1], times.at(-1), withMany[ROUNDS >> 1], (user + system) / 1000];
    print(`${bits}${cells.map((value) => (value ?? 0).toFixed(1).padStart(13)).join("")}`);
  }
  const { modulus } = parsePublicKey(ordinaryKey(8192));
  const idle = await eventLoopDelay(() => new Promise((resolve) => setTimeout(resolve, 3000)));
  const busy = await eventLoopDelay(async () => {
    for (let key = 0; key < STREAM_KEYS; key++) await thread.examine(modulus, "bench");
  });
  print(`event loop delay, idle: ${idle}`);
  print(`event loop delay during ${STREAM_KEYS} keys of 8192 bits: ${busy}`);
  await thread.close();
}

/** Gives the examiner as many keys as it compares with; their moduli are odd numbers of 2048 bits. */
async function learnMany(examiner: KeyExaminer): Promise<void> {
  const { spki } = parsePublicKey(ordinaryKey(2048));
  for (let id = 1; id <= COMPARED_KEYS_MAX; id++) {
    const other = Buffer.from(spki);
    // Within the modulus, so that all are different.
    other.writeUInt32BE(id, 60);
    await examiner.learn([{ id: id as KeyId, spki: other }]);
  }
}

function ordinaryKey(bits: number): string {
  const prime = () => generatePrimeSync(bits / 2, { bigint: true });
  return publicKeyText(prime() * prime());
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Milliseconds, ascending. */
async function repeated(work: () => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await timed(work));
  return times.toSorted((a, b) => a - b);
}

async function eventLoopDelay(work: () => Promise<unknown>): Promise<string> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await work();
  delay.disable();
  const ms = (nanoseconds: number) => (nanoseconds / 1e6).toFixed(2);
  return `median ${ms(delay.percentile(50))} ms, 99 % ${ms(delay.percentile(99))} ms, most ${ms(delay.max)} ms`;
}

/** Makes keys of 2048, 3072 and 4096 bits by three programs, and examines each. */
async function admitFresh(count: number): Promise<void> {
  const examiner = createKeyExaminer(createIsPublished([]));
  const counts = new Map<string, number>();
  let refused = 0;
  for (let index = 0; index < count; index++) {
    // Half of them have 2048 bits: longer ones take much longer to make.
    const bits = [2048, 3072, 2048, 4096, 2048, 3072][Math.floor(index / MAKERS.length) % 6] ?? 2048;
    const [name, make] = MAKERS[index % MAKERS.length] ?? ["node", nodeKey];
    const key = parsePublicKey(make(bits));
    const { weakness, sharesPrime } = await examiner.examine(key.modulus, "bench");
    await examiner.learn([{ id: (index + 1) as KeyId, spki: key.spki }]);
    const kind = `${name} ${bits}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (weakness === undefined && !sharesPrime) continue;
    refused++;
    print(`refused: ${weakness ?? "shared_prime"}, ${kind}, ${key.modulus.toString("hex")}`);
  }
  for (const [kind, made] of [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))) print(`${kind}: ${made}`);
  print(`${count} keys, ${refused} refused`);
  process.exitCode = refused === 0 ? 0 : 1;
}

const MAKERS: readonly (readonly [name: string, make: (bits: number) => string])[] = [
  ["openssl", (bits) => run("sh", "-c", `openssl genrsa ${bits} 2>/dev/null | openssl rsa -pubout 2>/dev/null`)],
  ["node", nodeKey],
  [
    "python",
    (bits) =>
      run(
        "python3",
        "-c",
        [
          "from cryptography.hazmat.primitives.asymmetric import rsa",
          "from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat",
          `k = rsa.generate_private_key(public_exponent=65537, key_size=${bits}).public_key()`,
          "print(k.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())",
        ].join("\n"),
      ),
  ],
];

const at = process.argv.indexOf("--fresh");
if (at === -1) await measure();
else await admitFresh(Number(process.argv[at + 1]));

function nodeKey(bits: number): string {
  return generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ format: "pem", type: "spki" });
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
