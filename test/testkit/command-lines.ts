/** A companion that runs command lines one after the other: starting a program for each takes most of a test's time. */
import { setTimeout as pause } from "node:timers/promises";
import { hostname, userInfo } from "node:os";
import { offer } from "./companion.ts";
import { runCommand } from "./run-commands.ts";

const author = { actor: `cli:${userInfo().username}`, hostName: hostname() };

let last: Promise<unknown> = Promise.resolve();

const functions = {
  /** @param env the settings, beside which there are none */
  run(args: readonly string[], env: Readonly<Record<string, string>>, input: string) {
    const run = () => runCommand(args, env, input, (_, milliseconds) => pause(milliseconds), author);
    const result = last.then(run);
    last = result.catch(() => undefined);
    return result;
  },
};

export type CommandLines = typeof functions;

offer(functions);
