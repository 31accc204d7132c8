/** Other processes of this machine. */
import { readdirSync, readFileSync } from "node:fs";
import { monotonicMs } from "./companion.ts";

/** The processes that a process has started. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" "))
    .filter((child) => child !== "")
    .map(Number);
}

/** Does this process still exist? */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Stops processes. @returns continues those that still exist, as does the end of this process */
export function pauseProcesses(pids: readonly number[]): () => void {
  const resume = () => {
    process.off("exit", resume);
    for (const pid of pids) signal(pid, "SIGCONT");
  };
  process.once("exit", resume);
  for (const pid of pids) signal(pid, "SIGSTOP");
  return resume;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/**
 * Records for how long a process was starved: its main thread had work to do, and other processes had the processors.
 */
export interface StarvationWatch {
  note(): void;
  /**
   * How long it was starved between two times, in milliseconds; rather too much, since the nearest records are outside
   * of them. 0 if the system doesn't report it.
   */
  betweenMs(fromMs: number, toMs: number): number;
}

export function watchStarvation(pid: number): StarvationWatch {
  const notes: { readonly atMs: number; readonly starvedMs: number }[] = [];
  return {
    note() {
      notes.push({ atMs: monotonicMs(), starvedMs: readStarvedMs(pid) });
    },
    betweenMs(fromMs, toMs) {
      const before = notes.findLast(({ atMs }) => atMs <= fromMs) ?? notes.at(0);
      const behind = notes.find(({ atMs }) => atMs >= toMs) ?? notes.at(-1);
      return (behind?.starvedMs ?? 0) - (before?.starvedMs ?? 0);
    },
  };
}

/** Since the process began. Linux only (docs.kernel.org/scheduler/sched-stats.html): the second figure, in nanoseconds. */
function readStarvedMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}
