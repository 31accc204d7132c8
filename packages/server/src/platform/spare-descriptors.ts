import { readdirSync, readFileSync } from "node:fs";

/**
 * How many more files and connections this process can open: `ulimit -n` minus the open ones. `undefined` if the system doesn't
 * say or sets no limit.
 */
export function spareDescriptors(): number | undefined {
  try {
    const limit = /^Max open files\s+([0-9]+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? undefined : Number(limit) - readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}
