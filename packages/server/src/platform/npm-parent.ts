/**
 * Ends a service when the npm that started it ends.
 *
 * `npx countersign serve` runs npm, which runs a shell, which runs this process. npm forwards SIGTERM and SIGINT to the shell and
 * ends immediately on any other signal; the shell forwards nothing. Without this, the service would keep running and keep its ports.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** How often to check the ancestors, in milliseconds. */
const CHECK_MS = 500;

/** How many ancestors to search for npm. Between it and this process are shells and the launcher that finds a newer Node. */
const ANCESTORS_MAX = 6;

const PACKAGE_RUNNERS: readonly string[] = ["npm", "npm-cli", "npx", "npx-cli", "pnpm", "pnpx", "yarn", "bun", "bunx"];
const BETWEEN: readonly string[] = ["sh", "dash", "bash", "ash", "zsh", "busybox", "countersign"];

/** A running process. */
export interface ProcessEntry {
  readonly parentId: number;
  readonly commandLine: string;
}

/** Reads a process by its id; `undefined` if it has ended or can't be read. */
export type ReadProcess = (id: number) => ProcessEntry | undefined;

/**
 * The processes from this one's parent up to the npm (or pnpm, yarn, bun) that started it directly, through shells, or through
 * this package's launcher. Empty if there is none, and also for a background service of an npm script whose shell has ended.
 */
export function findPackageRunner(parentId: number, read: ReadProcess): readonly number[] {
  const ancestors: number[] = [];
  for (let id = parentId; id > 0 && ancestors.length < ANCESTORS_MAX; ) {
    const entry = read(id);
    if (entry === undefined) return [];
    ancestors.push(id);
    const names = programNames(entry.commandLine);
    if (names.some((name) => PACKAGE_RUNNERS.includes(name))) return ancestors;
    if (!names.some((name) => BETWEEN.includes(name))) return [];
    id = entry.parentId;
  }
  return [];
}

/** Is each of these still the parent of the one before? A process whose parent ends gets a new parent. */
export function isChainWhole(ancestors: readonly number[], parentId: number, read: ReadProcess): boolean {
  if (parentId !== ancestors[0]) return false;
  return ancestors.slice(0, -1).every((id, index) => {
    const entry = read(id);
    return entry === undefined || entry.parentId === ancestors[index + 1];
  });
}

/** Calls `onGone` once, when npm or a process between npm and this one ends. Does nothing if npm didn't start this process. */
export function watchPackageRunner(onGone: () => void): void {
  // npm and similar programs set it for the programs that they run.
  if (process.env["npm_config_user_agent"] === undefined) return;
  const ancestors = findPackageRunner(process.ppid, readProcess);
  if (ancestors.length === 0) return;
  const timer = setInterval(() => {
    if (isChainWhole(ancestors, process.ppid, readProcess)) return;
    clearInterval(timer);
    onGone();
  }, CHECK_MS);
  timer.unref();
}

/** The names of the program and of its first argument, which is the script if the program is an interpreter. npm sets a title: "npm exec …". */
function programNames(commandLine: string): readonly string[] {
  return commandLine
    .split(/[\0 ]/)
    .slice(0, 2)
    .map((word) => basename(word).replace(/\.[cm]?js$/, ""));
}

function readProcess(id: number): ProcessEntry | undefined {
  try {
    if (existsSync("/proc/self/stat")) {
      // The name, in parentheses, may hold anything (proc_pid_stat(5)).
      const [, parent] = /\) \S ([0-9]+) [^)]*$/.exec(readFileSync(`/proc/${id}/stat`, "latin1")) ?? [];
      return { parentId: Number(parent), commandLine: readFileSync(`/proc/${id}/cmdline`, "utf8") };
    }
    const { stdout } = spawnSync("ps", ["-o", "ppid=,command=", "-p", String(id)], { encoding: "utf8" });
    const [, parent, commandLine] = /^ *([0-9]+) +(.*)/.exec(stdout) ?? [];
    return commandLine === undefined ? undefined : { parentId: Number(parent), commandLine };
  } catch {
    return undefined;
  }
}
