/**
 * What a well-behaved client notices of 5,000 idle, 500 slow and 200 never-reading connections at once, and what they cost in
 * memory. Needs a limit of open files of 12,000 (`ulimit -n`).
 */
import { spawn } from "node:child_process";
import { type KeyObject } from "node:crypto";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { makeKeyPair } from "../test/testkit/rsa-keys.ts";
import { signAssertion } from "../test/testkit/sign-assertion.ts";
import { admin, cleanUp, quantile, printReport, residentMiB, startService } from "./support.ts";

const { values } = parseArgs({
  options: {
    idle: { type: "string", default: "5000" },
    slow: { type: "string", default: "500" },
    unread: { type: "string", default: "200" },
    seconds: { type: "string", default: "20" },
  },
});
const seconds = Number(values.seconds);

/** How long after the load the memory is measured, in seconds. */
const AFTER_SECONDS = 30;

/** The pause between two mints of the client, in milliseconds. */
const PAUSE_MS = 10;

try {
  const { privateKey, publicPem } = makeKeyPair();
  admin(["account", "create", "bench"]);
  admin(["user", "create", "bench", "--account", "bench"]);
  admin(["key", "add", "api-1-bench", publicPem]);
  const { publicUrl, pid } = await startService({}, [], false);

  await mint(publicUrl, privateKey, 3);
  const memory = { before: residentMiB(pid), during: 0, after: 0 };
  const alone = await mint(publicUrl, privateKey, seconds);
  const words = [publicUrl, values.idle, values.slow, values.unread];
  const load = spawn(process.execPath, [join(import.meta.dirname, "edges-load.ts"), ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let closed = "";
  const ready = new Promise<void>((resolve, reject) => {
    load.once("exit", () => {
      reject(new Error("the load ended"));
    });
    createInterface({ input: load.stdout }).on("line", (line) => {
      closed = line;
      resolve();
    });
  });
  const arriving = await mint(publicUrl, privateKey, ready);
  memory.during = residentMiB(pid);
  const loaded = await mint(publicUrl, privateKey, seconds);
  memory.during = Math.max(memory.during, residentMiB(pid));
  load.kill("SIGKILL");
  const afterwards = await mint(publicUrl, privateKey, AFTER_SECONDS);
  memory.after = residentMiB(pid);
  const figures = (times: readonly number[]) => ({
    mints: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: quantile(times, 1),
  });
  printReport(
    {
      connections: {
        idle: values.idle,
        slow: values.slow,
        unread: values.unread,
        closedByServer: JSON.parse(closed) as unknown,
      },
      mintMs: {
        alone: figures(alone),
        whileTheyCome: figures(arriving),
        whileTheyAreThere: figures(loaded),
        afterwards: figures(afterwards),
      },
      residentMiB: memory,
    },
    false,
  );
} finally {
  await cleanUp();
}

/** Mints tokens one after the other, on one connection. @returns how long each took, in milliseconds */
async function mint(url: string, key: KeyObject, until: number | Promise<void>): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  const over = new AbortController();
  void (typeof until === "number" ? setTimeout(until * 1000) : until).then(() => {
    over.abort();
  });
  while (!over.signal.aborted) {
    const headers = { authorization: `JWT ${signAssertion("api-1-bench", key)}` };
    const startedAtMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      get(`${url}/api/auth/v0/refresh/`, { agent, headers }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`a mint was answered ${answer.statusCode}`));
        answer.resume().once("end", resolve);
      }).once("error", reject);
    });
    times.push(performance.now() - startedAtMs);
    await setTimeout(PAUSE_MS);
  }
  agent.destroy();
  return times;
}
