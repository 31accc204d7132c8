/** `npx countersign serve`, as documented: nothing is left behind, however npm ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../testkit/eventually.ts";
import { isRunning } from "../testkit/processes.ts";
import { endWithThisProcess, environment } from "../testkit/run-program.ts";
import { temporaryFolder } from "../testkit/server.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const END_MS_MAX = 60_000;

/** Runs an npm command line in the checkout, and waits for the server's ready line. */
async function startByNpm(command: string, ...args: string[]) {
  const child = spawn(command, args, {
    cwd: REPOSITORY,
    env: environment({
      PATH: `${join(REPOSITORY, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
      COUNTERSIGN_DATA_DIR: temporaryFolder(),
      COUNTERSIGN_PORT: "0",
      COUNTERSIGN_ADMIN_PORT: "0",
    }),
    stdio: ["ignore", "pipe", "ignore"],
  });
  endWithThisProcess(child);
  for await (const line of createInterface(child.stdout)) {
    if (line.includes('"ready"')) return { child, pid: (JSON.parse(line) as { pid: number }).pid };
  }
  throw new Error(`${command} ended before the server was ready`);
}

describe("a server that npm started ends with npm", () => {
  for (const [signal, ...command] of [
    ["SIGTERM", "npx", "countersign", "serve"],
    ["SIGHUP", "npx", "countersign", "serve"],
    ["SIGKILL", "npx", "countersign", "serve"],
    ["SIGTERM", "npm", "start"],
    ["SIGHUP", "npm", "start"],
    ["SIGTERM", "npm", "exec", "countersign", "serve", "--", "--workers", "2"],
  ] as const) {
    test(`${command.join(" ")}, ended by ${signal}`, async (t) => {
      const [file, ...args] = command;
      const { child, pid } = await startByNpm(file, ...args);
      t.after(() => {
        if (isRunning(pid)) process.kill(pid, "SIGKILL");
      });
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
      await eventually("the server ends", () => !isRunning(pid), END_MS_MAX);
    });
  }
});
