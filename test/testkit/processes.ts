/** Other processes of this machine. */
import { readdirSync, readFileSync } from "node:fs";

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
