/** The man page that the package ships, as man reads it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { COMMANDS } from "../../packages/server/src/cli/commands.ts";
import { SETTINGS } from "../../packages/server/src/config/config.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { environment, runProgram } from "../testkit/run-program.ts";

const server = join(import.meta.dirname, "..", "..", "packages", "server");
const page = join(server, "man", "countersign.1");

describe("the man page", async () => {
  const missing = await findMissing({ name: "man", debianPackages: "man-db", probes: [["man", "--version"]] });
  const skip = missing !== undefined && !IS_CI && missing;

  test("is formatted without a warning, and has every command and every variable", { skip }, async () => {
    const env = environment({ MANWIDTH: "200", MANROFFOPT: "", LC_ALL: "C.UTF-8" });
    const { status, stdout, stderr } = await runProgram("man", ["--warnings=w", "-l", page], { env });
    assert.deepEqual([status, stderr], [0, ""]);
    for (const section of ["COMMANDS", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES"]) {
      assert.match(stdout, new RegExp(`^${section}$`, "m"));
    }
    for (const { name } of COMMANDS) assert.match(stdout, new RegExp(`^ +countersign ${name}\\b`, "m"));
    for (const { variable } of Object.values(SETTINGS)) assert.match(stdout, new RegExp(`^ +${variable}\\b`, "m"));
  });

  test("ships in the package, where npm installs it", () => {
    const { man, files } = JSON.parse(readFileSync(join(server, "package.json"), "utf8")) as {
      man: string;
      files: string[];
    };
    assert.equal(join(server, man), page);
    assert.ok(files.includes("man"));
  });
});
