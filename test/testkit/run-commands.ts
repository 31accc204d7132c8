/** The command line in this process: for tests of many commands, which would spend most of their time on starting programs. */
import { Readable, Writable } from "node:stream";
import type { CliContext } from "../../packages/server/src/cli/context.ts";
import { credentialsFile, namesStore } from "../../packages/server/src/config/command-line-place.ts";
import { runCommandLine } from "../../packages/server/src/cli/program.ts";
import { loadAnswerSchema } from "../../packages/server/src/compose/answer-schemas.ts";
import { openAdministration } from "../../packages/server/src/compose/command-line.ts";
import { findNames } from "../../packages/server/src/compose/find-names.ts";
import { systemSurroundings, VERSION } from "../../packages/server/src/compose/surroundings.ts";
import { parseConfig } from "../../packages/server/src/config/config.ts";
import { createCommandLineRedactor } from "../../packages/server/src/platform/redact.ts";
import { environment, type ProgramResult } from "./run-program.ts";

/**
 * Runs a command as `countersign` would, except those that serve, restore or diagnose. @param env settings, beside which there are none
 * @param pause what happens while the command waits; `shown`: what it has written to standard error */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = "",
  pause: (shown: string, milliseconds: number) => Promise<void> = () =>
    Promise.reject(new Error("this command doesn't wait")),
  { actor, hostName }: { readonly actor: string; readonly hostName: string } = {
    actor: "cli:test",
    hostName: "laptop",
  },
): Promise<ProgramResult> {
  const surroundings = systemSurroundings();
  const [stdout, stderr] = [new Collected(), new Collected()];
  const settings = environment(env);
  const unsupported = () => Promise.reject(new Error("this command needs a process of its own"));
  const context: CliContext = {
    version: VERSION,
    programName: "npx countersign",
    clock: surroundings.clock,
    random: surroundings.random,
    actor,
    stdin: Readable.from([Buffer.from(input)]),
    stdout,
    stderr,
    redact: createCommandLineRedactor(),
    hostName,
    credentialsFile: credentialsFile(env),
    environmentNamesStore: namesStore(settings),
    pause: (milliseconds) => pause(stderr.text, milliseconds),
    config: (flags) => parseConfig(settings, flags),
    configOfFlags: (flags) => parseConfig({}, flags),
    findNames,
    openAdministration: (config, opening) => openAdministration(config, opening, surroundings),
    loadAnswerSchema,
    describeRelease: unsupported,
    acceptStore: unsupported,
    copyStore: unsupported,
    diagnose: unsupported,
    serve: unsupported,
    startQuietService: unsupported,
    makeSetupLink: unsupported,
    untilSignal: unsupported,
  };
  const status = await runCommandLine(args, context);
  return { status, stdout: stdout.text, stderr: stderr.text };
}

class Collected extends Writable {
  text = "";

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
