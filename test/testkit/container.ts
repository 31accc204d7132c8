/**
 * Containers of an image, run by crun as Docker runs them: process 1 of its own namespaces, a read-only root, no
 * capabilities, no new privileges. The same restrictions as in compose.yaml.
 *
 * crun refuses machines whose control groups are of both versions, and limits nothing here anyway. So it gets a mount
 * namespace in which there are none.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Image } from "./container-image.ts";
import { eventually } from "./eventually.ts";
import { endWithThisProcess, environment, type ProgramResult, runProgram } from "./run-program.ts";
import { type ServerExit, temporaryFolder } from "./server.ts";

/** How long `docker stop` waits before it kills, in milliseconds. */
const STOP_MS_MAX = 10_000;

export interface ContainerOptions {
  /** The words after the entrypoint; by default the image's. */
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `uid:gid`; by default the image's user. */
  readonly user?: string;
  /** A folder for the volume. By default a new one with the owner and the mode of the image's folder, as Docker makes it. */
  readonly volume?: string;
  /** Files that the container can read at `/run/secrets/<name>`, by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Whether it shares this machine's network; otherwise it has only a loopback interface of its own. */
  readonly hasHostNetwork?: boolean;
}

export interface Container {
  /** Its process 1, as this machine numbers it. */
  readonly pid: number;
  readonly volume: string;
  stdout(): string;
  stderr(): string;
  /** Runs a program in it, as `docker exec` does. */
  exec(...words: readonly string[]): Promise<ProgramResult>;
  /** Runs the image's HEALTHCHECK. */
  checkHealth(): Promise<ProgramResult>;
  kill(signal: NodeJS.Signals): void;
  /** As `docker stop` does: SIGTERM, and SIGKILL after ten seconds. */
  stop(): Promise<ServerExit>;
  /** Waits for its end. */
  end(): Promise<ServerExit>;
}

let containers = 0;

/** Starts a container, which ends with this process. */
export async function startContainer(image: Image, options: ContainerOptions = {}): Promise<Container> {
  const folder = temporaryFolder();
  const id = `countersign-${process.pid}-${++containers}`;
  const { volume = makeVolume(image, join(folder, "volume")), user = image.config.User } = options;
  writeFileSync(join(folder, "config.json"), JSON.stringify(bundle(image, volume, options)));
  const runtime = ["/usr/bin/crun", `--root=${join(folder, "crun")}`, "--cgroup-manager=disabled"];
  const inNamespace = (...words: readonly string[]): [string, string[]] => [
    "/usr/bin/unshare",
    ["--mount", "/bin/sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh", ...runtime, ...words],
  ];
  const pidFile = join(folder, "pid");
  const child = spawn(...inNamespace("run", `--bundle=${folder}`, `--pid-file=${pidFile}`, id), {
    env: environment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  endWithThisProcess(child);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (output[name] += text));
    (child[name] as Socket).unref();
  }
  const ended = new Promise<ServerExit>((resolve) => {
    child.once("close", (status, signal) => {
      resolve({ status, signal });
    });
  });
  child.unref();
  const pid = await eventually("the container has a process", () => {
    assert.equal(child.exitCode, null, output.stderr);
    return existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) || undefined : undefined;
  });
  // Killing crun would leave its container running.
  const killAtExit = () => killIfRunning(pid, "SIGKILL");
  process.once("exit", killAtExit);
  void ended.then(() => process.off("exit", killAtExit));
  const exec = (...words: readonly string[]) => {
    const [program, all] = inNamespace("exec", `--user=${user}`, id, ...words);
    return runProgram(program, all);
  };
  const end = () => {
    for (const handle of [child, child.stdout as Socket, child.stderr as Socket]) handle.ref();
    return ended;
  };
  return {
    pid,
    volume,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    exec,
    checkHealth() {
      const [form, ...words] = image.config.Healthcheck.Test;
      assert.equal(form, "CMD", "a program and its arguments; no shell");
      return exec(...words);
    },
    kill: (signal) => {
      killIfRunning(pid, signal);
    },
    async stop() {
      killIfRunning(pid, "SIGTERM");
      const deadline = setTimeout(() => killIfRunning(pid, "SIGKILL"), STOP_MS_MAX);
      const exit = await end();
      clearTimeout(deadline);
      return exit;
    },
    end,
  };
}

/** A new named volume gets the owner and the mode of the image's folder. */
function makeVolume({ config, root }: Image, path: string): string {
  const { uid, gid, mode } = statSync(join(root, Object.keys(config.Volumes)[0] ?? assert.fail("there is no volume")));
  mkdirSync(path);
  chownSync(path, uid, gid);
  chmodSync(path, mode & 0o7777);
  return path;
}

function killIfRunning(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The runtime's configuration: https://github.com/opencontainers/runtime-spec. */
function bundle({ config, root }: Image, volume: string, options: ContainerOptions): unknown {
  const { words = config.Cmd, env = {}, user = config.User, secrets = {}, hasHostNetwork = false } = options;
  const [uid, gid = "0"] = user.split(":");
  const [volumePath = assert.fail("the image has no volume")] = Object.keys(config.Volumes);
  const namespaces = ["pid", "ipc", "uts", "mount", ...(hasHostNetwork ? [] : ["network"])];
  const none: readonly string[] = [];
  return {
    ociVersion: "1.0.0",
    root: { path: root, readonly: true },
    process: {
      terminal: false,
      user: { uid: Number(uid), gid: Number(gid) },
      args: [...config.Entrypoint, ...words],
      env: [...config.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
      cwd: config.WorkingDir,
      noNewPrivileges: true,
      capabilities: { bounding: none, effective: none, inheritable: none, permitted: none, ambient: none },
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      { destination: volumePath, type: "bind", source: volume, options: ["bind", "rw", "nosuid", "nodev"] },
      ...Object.entries(secrets).map(([name, file]) => ({
        destination: `/run/secrets/${name}`,
        type: "bind",
        source: file,
        options: ["bind", "ro"],
      })),
    ],
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}
