/**
 * The table of commands against the commands themselves, and what a command line imports.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Help } from "commander";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { COMMANDS } from "./commands.ts";
import type { CliContext } from "./context.ts";
import { runCommandLine } from "./program.ts";

const COUNTERSIGN = fileURLToPath(new URL("../../bin/countersign.js", import.meta.url));

describe("the table of commands", () => {
  for (const { name, usage, description, load } of COMMANDS) {
    test(`lists ${name} as the command declares itself`, async () => {
      const create = await load();
      // A command uses its context when it runs, not when it is declared.
      const command = create({} as CliContext);
      const term = new Help().subcommandTerm(command);
      assert.equal(
        usage === undefined ? name : `${name} ${usage}`,
        command.commands.length > 0 ? command.name() : term,
      );
      assert.match(description, /^[^\n]{1,100}$/);
      assert.ok(["", description].includes(command.description()), "the table is where a command is described");
    });
  }

  test("names each command once", () => {
    const names = COMMANDS.map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
  });
});

describe("help fits the terminal, and marks what must be given", () => {
  /** The help of a command and of each of its subcommands. */
  async function helps(columns: number, path: readonly string[]): Promise<readonly string[]> {
    const help = await helpText([...path, "--help"], columns);
    const [, listed = ""] = help.split("\nCommands:\n");
    const names = [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = ""]) => name);
    const deeper = path.length === 0 ? [] : await Promise.all(names.map((name) => helps(columns, [...path, name])));
    return [help, ...deeper.flat()];
  }

  for (const columns of [60, 80, 120]) {
    test(`at ${columns} columns`, async () => {
      const texts = await Promise.all([[], ...COMMANDS.map(({ name }) => [name])].map((path) => helps(columns, path)));
      const lines = texts.flat(2).flatMap((text) => text.split("\n"));
      assert.ok(lines.length > 500, String(lines.length));
      assert.deepEqual(
        lines.filter((line) => line.length > columns),
        [],
      );
    });
  }

  test("a terminal that doesn't know its size counts as one of 80 columns", async () => {
    const words = ["key", "add", "--help"];
    assert.equal(await helpText(words, 0), await helpText(words, 80));
  });

  test("an option that must be given is in the usage and marked in the list", async () => {
    const help = await helpText(["user", "create", "--help"], 80);
    assert.match(help, /^Usage: countersign user create --account <shortname> \[options\] <name>\n/);
    assert.match(help, /--account <shortname> +required: /);
  });
});

async function helpText(words: readonly string[], columns: number): Promise<string> {
  let text = "";
  const stdout = {
    columns,
    write: (piece: string) => {
      text += piece;
      return true;
    },
  };
  const status = await runCommandLine(words, { version: "0", stdout, stderr: stdout } as unknown as CliContext);
  assert.equal(status, 0, text);
  return text;
}

describe("the modules that a command line imports", () => {
  const hook = makeTemporaryFolder().file("imported.mjs");
  writeFileSync(
    hook,
    `import { registerHooks } from "node:module";
     const imported = [];
     registerHooks({ load: (url, context, next) => (imported.push(url), next(url, context)) });
     process.on("exit", () => process.stderr.write(imported.join("\\n")));`,
  );
  const importedBy = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", hook, COUNTERSIGN, ...args], { encoding: "utf8" }).stderr.split("\n");

  test("the program's help imports no command, and nothing that opens a store, serves or logs", () => {
    const imported = importedBy("--help");
    assert.ok(imported.some((url) => url.endsWith("/cli/program.ts")));
    const unneeded =
      /\/server\/src\/(?:cli\/(?!commands|context|help-layout|program|words|wrap-text)|storage\/|http\/|compose\/(?!surroundings))|\/node_modules\/(?:kysely|pino)\//;
    assert.deepEqual(
      imported.filter((url) => unneeded.test(url)),
      [],
    );
  });
});
