/**
 * The command line, as users run it. Most commands run in a companion of this process, by the same code; those that serve, wait for a
 * signal or depend on their process run in one of their own.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { CommandLines } from "./command-lines.ts";
import { type Companion, startCompanion } from "./companion.ts";
import { environment, type ProgramOptions, type ProgramResult, runProgram } from "./run-program.ts";

/** The program that users start. */
export const COUNTERSIGN = fileURLToPath(new URL("../../packages/server/bin/countersign.js", import.meta.url));

/** Commands that a companion can run. */
const SHARED: ReadonlySet<string | undefined> = new Set([
  "account",
  "admin-token",
  "apply",
  "check",
  "explain",
  "export",
  "key",
  "operator",
  "resource-server",
  "signing-key",
  "token",
  "user",
  "webhook",
]);

let companion: Companion<CommandLines> | undefined;

/** Runs `countersign` to its end. Commands of one test process that share a companion wait for each other. */
export async function runCountersign(args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const { env = environment(), input = "" } = options;
  if (!SHARED.has(args[0]) || !differsInSettingsAlone(env)) {
    return runProgram(process.execPath, [COUNTERSIGN, ...args], options);
  }
  companion ??= startCompanion<CommandLines>("./command-lines.ts");
  const settings = Object.entries(env).flatMap(([name, value]) =>
    name.startsWith("COUNTERSIGN_") && value !== undefined ? [[name, value] as const] : [],
  );
  const result = await companion.call("run", args, Object.fromEntries(settings), input);
  // Such as a secret in a warning of the runtime, or a line before the JSON of --json.
  assert.equal(companion.output(), "", "a command has written past its own output");
  return result;
}

/** Is an environment this process's, but for Countersign's own variables? Others may affect the runtime. */
function differsInSettingsAlone(env: NodeJS.ProcessEnv): boolean {
  const own = environment();
  const names = [...Object.keys(env), ...Object.keys(own)].filter((name) => !name.startsWith("COUNTERSIGN_"));
  return names.every((name) => env[name] === own[name]);
}
