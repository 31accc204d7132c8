/**
 * A real systemd, process 1 of namespaces of its own, with nothing but the units that a test installs.
 *
 *     const machine = await bootSystemd();
 *     after(() => machine.stop());
 *     await machine.succeed("systemctl start countersign");
 *
 * The checkout is at /opt/countersign, and a folder that the test can read is at /srv. /etc, /var/lib and /tmp are the
 * machine's own; network and kernel are shared.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.ts";
import { childrenOf } from "./processes.ts";
import type { Requirement } from "./requirements.ts";
import { endWithThisProcess, environment, type ProgramResult, runProgram } from "./run-program.ts";
import { temporaryFolder } from "./server.ts";

export const SYSTEMD: Requirement = {
  name: "systemd",
  debianPackages: "systemd",
  probes: [
    ["systemd-analyze", "--version"],
    ["systemd-notify", "--version"],
    ["nsenter", "--version"],
  ],
};

/** Root's on a machine. npm's own begins with the checkout's programs, of which `countersign` would be taken for the installed one. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const BOOT = fileURLToPath(new URL("boot-systemd.sh", import.meta.url));
const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));

/** Why this process may not boot a systemd; `undefined` if it may. */
export async function findBootProblem(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "only root can make the namespaces";
  const { status, stderr } = await runProgram("unshare", [
    "--mount",
    "--pid",
    "--fork",
    "mount",
    "-t",
    "cgroup2",
    "cgroup2",
    "/mnt",
  ]);
  return status === 0 ? undefined : `this machine lets nobody make the namespaces: ${stderr.trim()}`;
}

export interface SystemdMachine {
  /** On the test's side; `/srv` on the machine. */
  readonly folder: string;
  /** Runs a shell script on the machine. */
  run(script: string): Promise<ProgramResult>;
  /** The same, and returns the standard output. @throws unless the script succeeds */
  succeed(script: string): Promise<string>;
  stop(): Promise<void>;
}

export async function bootSystemd(): Promise<SystemdMachine> {
  const folder = temporaryFolder();
  const child = spawn(BOOT, [CHECKOUT, folder], { env: environment({ PATH }), stdio: ["ignore", "ignore", "pipe"] });
  endWithThisProcess(child);
  let problems = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (problems += text));
  const ended = once(child, "close");
  const systemd = await eventually("systemd is booting", () => {
    assert.ok(child.exitCode === null, problems);
    const [unshare] = childrenOf(child.pid ?? 0);
    return unshare === undefined ? undefined : childrenOf(unshare)[0];
  });
  const run = (script: string) =>
    runProgram(
      "nsenter",
      ["--target", String(systemd), "--mount", "--pid", "--uts", "--ipc", "--cgroup", "sh", "-eu"],
      {
        env: environment({ PATH }),
        input: `cd /opt/countersign\nsudo() { "$@"; }\n${script}\n`,
      },
    );
  await eventually("systemd runs", async () => {
    assert.ok(child.exitCode === null, problems);
    return (await run("systemctl is-system-running")).status === 0;
  });
  return {
    folder,
    run,
    async succeed(script) {
      const { status, stdout, stderr } = await run(script);
      assert.equal(status, 0, `${script}: ${stderr}${stdout}`);
      return stdout;
    },
    async stop() {
      process.kill(systemd, "SIGKILL");
      await ended;
    },
  };
}
