/**
 * Companion processes: Node processes that do a part of a test's work, so that neither delays the other, and that
 * record times on a clock which all of them share.
 *
 * A companion's program calls {@link offer} with its functions; the test starts it by {@link startCompanion} and calls them.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { endWithThisProcess, environment } from "./run-program.ts";

/** Now, in milliseconds, on a clock that all processes of this machine share and that never goes back. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What a companion can do, by name. Arguments and results go through the structured clone algorithm. */
type Functions = Record<string, (...args: never[]) => unknown>;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

type Reply = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string };

export interface Companion<Offered extends Functions> {
  readonly pid: number;
  /** What it has written to its standard output and standard error. */
  output(): string;
  /** @throws if the function throws, or the companion ends first; the message holds its standard error */
  call<Name extends keyof Offered & string>(
    name: Name,
    ...args: Parameters<Offered[Name]>
  ): Promise<Awaited<ReturnType<Offered[Name]>>>;
  stop(): Promise<void>;
}

/** @param program a module beside this one, whose functions are `Offered` */
export function startCompanion<Offered extends Functions>(
  program: string,
  more: NodeJS.ProcessEnv = {},
): Companion<Offered> {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
    env: environment(more),
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  endWithThisProcess(child);
  const { pid } = child;
  assert.ok(pid !== undefined, `${program} can't be started`);
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // A companion that does nothing doesn't keep the test's process running.
  const keepAlive = (isNeeded: boolean) => {
    for (const handle of [child, child.channel, child.stdout as Socket | null, child.stderr as Socket | null]) {
      if (isNeeded) handle?.ref();
      else handle?.unref();
    }
  };
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on("message", (reply: Reply) => {
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) keepAlive(false);
    if ("error" in reply) waiter?.reject(new Error(`${program}: ${reply.error}`));
    else waiter?.resolve(reply.result as never);
  });
  const ended = once(child, "close").then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${program} ended; standard error: ${stderr}`));
  });
  return {
    pid,
    output: () => stdout + stderr,
    call: (name, ...args) =>
      new Promise((resolve, reject) => {
        const call: Call = { id: ++calls, name, args };
        waiting.set(call.id, { resolve, reject });
        keepAlive(true);
        child.send(call, (error) => {
          if (error !== null) reject(new Error(`${program} is gone; standard error: ${stderr}`, { cause: error }));
        });
      }),
    async stop() {
      keepAlive(true);
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** The main loop of a companion's program: answers calls until the test ends. */
export function offer(functions: Functions): void {
  const answer = async ({ id, name, args }: Call): Promise<Reply> => {
    try {
      return { id, result: await functions[name]?.(...(args as never[])) };
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on("message", (call: Call) => {
    void answer(call).then((reply) => process.send?.(reply));
  });
  process.once("disconnect", () => process.exit());
}
