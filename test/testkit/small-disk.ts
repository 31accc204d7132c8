/** A file system of a few MiB, and one that can't be written, for tests on a full or a read-only disk. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { IS_CI } from "./requirements.ts";
import { runProgram } from "./run-program.ts";
import { temporaryFolder } from "./server.ts";

const CHUNK = Buffer.alloc(4096);

export interface SmallDisk {
  readonly path: string;
  /** Fills all the remaining space. */
  readonly fill: () => void;
  readonly makeRoom: () => void;
  readonly unmount: () => Promise<void>;
}

/** @returns why it can't be mounted, as text. In continuous integration this is an error instead. */
export async function mountSmallDisk(mebibytes: number): Promise<SmallDisk | string> {
  const path = temporaryFolder();
  const problem = await mount("-t", "tmpfs", "-o", `size=${mebibytes}m,mode=0700`, "tmpfs", path);
  if (problem !== undefined) return problem;
  const filler = join(path, "filler");
  return {
    path,
    fill() {
      const descriptor = openSync(filler, "a");
      try {
        for (;;) writeSync(descriptor, CHUNK);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      } finally {
        closeSync(descriptor);
      }
    },
    makeRoom: () => {
      rmSync(filler);
    },
    unmount: () => unmount(path),
  };
}

/** Mounts a folder read-only at another path. @returns that path, or why it can't be mounted */
export async function mountReadOnly(
  folder: string,
): Promise<{ readonly path: string; readonly unmount: () => Promise<void> } | string> {
  const path = temporaryFolder();
  const problem = (await mount("--bind", folder, path)) ?? (await mount("-o", "remount,bind,ro", path));
  return problem ?? { path, unmount: () => unmount(path) };
}

async function mount(...args: string[]): Promise<string | undefined> {
  const problem = await runProgram("mount", args).then(
    ({ status, stderr }) => (status === 0 ? undefined : stderr.trim()),
    (error: unknown) => String(error),
  );
  if (problem === undefined) return undefined;
  const reason = `a file system can't be mounted here, which takes Linux and root (${problem})`;
  if (IS_CI) throw new Error(reason);
  return reason;
}

/** Also if a process still has files open there. */
async function unmount(path: string): Promise<void> {
  await runProgram("umount", ["-l", path]);
}
