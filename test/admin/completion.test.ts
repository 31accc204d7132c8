/**
 * Shell completion in real shells, typed at a terminal with the Tab key, and what it reads and doesn't do: `version`, too,
 * since both are for programs.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { environment, type ProgramResult, runProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, parseJsonLine, temporaryFolder } from "../testkit/server.ts";

const folder = temporaryFolder();
const dataDir = join(folder, "data");
const binaries = join(folder, "bin");
mkdirSync(binaries);
writeFileSync(join(binaries, "countersign"), `#!/bin/sh\nexec '${process.execPath}' '${COUNTERSIGN}' "$@"\n`);
chmodSync(join(binaries, "countersign"), 0o755);

const env = environment({
  COUNTERSIGN_DATA_DIR: dataDir,
  PATH: `${binaries}:${process.env["PATH"] ?? ""}`,
  HOME: folder,
  XDG_CONFIG_HOME: folder,
  TERM: "xterm",
});

const run = (...args: string[]) => runProgram(process.execPath, [COUNTERSIGN, ...args], { env });

/** What `__complete` prints for these words; the last one is being typed. */
function complete(words: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<ProgramResult> {
  return runProgram(process.execPath, [COUNTERSIGN, "__complete"], {
    env: { ...env, ...more },
    input: `${words.join("\0")}\0`,
  });
}

before(async () => {
  for (const args of [
    ["account", "create", "acme"],
    ["user", "create", "demo", "--account", "acme"],
    ["user", "create", "other", "--account", "acme"],
    ["key", "generate", "api-1-demo", "--out", join(folder, "private.pem"), "--label", "nightly $(job)"],
  ]) {
    const { status, stderr } = await run(...args);
    assert.equal(status, 0, stderr);
  }
});

describe("completion from the store", () => {
  test("offers users, keys and accounts, with a word about each", async () => {
    assert.equal((await complete(["key", "list", ""])).stdout, "api-1-demo\tactive\napi-1-other\tactive\n");
    assert.equal((await complete(["key", "show", ""])).stdout, "1\tapi-1-demo, active, nightly $(job)\n");
    assert.equal((await complete(["user", "create", "x", "--account", "a"])).stdout, "acme\tacme\n");
  });

  test("doesn't make or change a store, and says nothing where there is none", async () => {
    const missing = join(folder, "missing");
    for (const dir of [missing, join(folder, "private.pem")]) {
      const result = await complete(["key", "list", ""], { COUNTERSIGN_DATA_DIR: dir });
      assert.deepEqual(result, { status: 0, stdout: "", stderr: "" });
    }
    assert.ok(!existsSync(missing));

    const old = join(folder, "old");
    mkdirSync(old, { mode: 0o700 });
    const file = join(old, "countersign.db");
    const database = new DatabaseSync(file);
    database.exec("create table kysely_migration (name text); insert into kysely_migration values ('0001-registry')");
    database.close();
    const before = readFileSync(file);
    const result = await complete(["key", "list", ""], { COUNTERSIGN_DATA_DIR: old });
    assert.deepEqual(result, { status: 0, stdout: "", stderr: "" });
    assert.deepEqual(readFileSync(file), before, "an older store isn't migrated");
  });

  test("says nothing of a wrong configuration, or of a command line that is too long", async () => {
    const silent = { status: 0, stdout: "", stderr: "" };
    assert.deepEqual(await complete(["key", "list", ""], { COUNTERSIGN_PORT: "no" }), silent);
    assert.deepEqual(await complete(["key", "list", "x".repeat(70_000)]), silent);
    assert.deepEqual(
      await complete(["key", "list", ""], { COUNTERSIGN_DATABASE_URL: "postgres://127.0.0.1:9/x" }),
      silent,
    );
  });

  test("leaves the files of the store as private as they were", async () => {
    await complete(["key", "list", ""]);
    for (const name of readdirSync(dataDir)) assert.equal(statSync(join(dataDir, name)).mode & 0o077, 0, name);
  });

  describe("in PostgreSQL", () => {
    let postgres: TestPostgres;
    before(async () => {
      postgres = await startPostgres();
    });
    after(() => postgres.stop());

    test("offers the same", async () => {
      const url = await postgres.createDatabase();
      const here = { COUNTERSIGN_DATABASE_URL: url, COUNTERSIGN_DATA_DIR: join(folder, "postgres") };
      const onPostgres = { ...env, ...here };
      for (const args of [
        ["account", "create", "acme"],
        ["user", "create", "demo", "--account", "acme"],
        ["user", "create", "a_b", "--account", "acme"],
        ["key", "generate", "api-1-demo", "--out", join(folder, "postgres.pem")],
        ["resource-server", "create", "shop"],
      ]) {
        const { status, stderr } = await runProgram(process.execPath, [COUNTERSIGN, ...args], { env: onPostgres });
        assert.equal(status, 0, stderr);
      }
      const stdout = async (...words: string[]) => (await complete(words, here)).stdout;
      assert.equal(await stdout("key", "list", ""), "api-1-a_b\tactive\napi-1-demo\tactive\n");
      assert.equal(await stdout("key", "list", "api-1-a_"), "api-1-a_b\tactive\n", "an underscore is itself");
      assert.equal(await stdout("key", "show", ""), "1\tapi-1-demo, active\n");
      assert.equal(await stdout("account", "edit", ""), "acme\tacme\n");
      assert.equal(await stdout("resource-server", "rotate", "s"), "shop\tactive\n");
      for (const command of ["webhook test", "operator reset", "admin-token revoke"]) {
        assert.equal(await stdout(...command.split(" "), ""), "");
      }
    });
  });
});

/** How to type at a shell of each kind, without its user's own settings. */
const SHELLS = [
  { name: "bash", interactive: "bash --norc -i", prepare: "source <(countersign completion bash)" },
  {
    name: "zsh",
    interactive: "zsh -f -i",
    prepare: "autoload -U compinit; compinit -u -D; source <(countersign completion zsh)",
  },
] as const;

describe("completion in a shell", () => {
  for (const { name, interactive, prepare } of SHELLS) {
    describe(name, async () => {
      const missing = await findMissing({
        name,
        debianPackages: `${name} util-linux`,
        probes: [
          [name, "--version"],
          ["script", "--version"],
        ],
      });
      const skip = missing !== undefined && !IS_CI && missing;

      /** Types lines at a terminal. A tab in a line is the Tab key. */
      async function type(...lines: string[]): Promise<string> {
        const input = [prepare, ...lines, "exit 0", ""].join("\n");
        return (await runProgram("script", ["-qec", interactive, "/dev/null"], { env, input })).stdout;
      }

      test("the Tab key completes commands, names from the store, and files", { skip }, async () => {
        const output = await type(
          "countersign acc\tlist --json",
          "countersign key list api-1-d\t --json",
          `countersign user create new-${name} --account=ac\t --json`,
          `countersign key list api-1-d\t --data-dir ${folder}/dat\t --unused 1x`,
        );
        assert.match(output, /\[\{"id":1,"shortname":"acme"/);
        assert.match(output, /\[\{"id":1,"username":"api-1-demo","fingerprint"/);
        assert.match(output, new RegExp(`\\{"id":\\d+,"username":"api-1-new-${name}","account":"acme"`));
        assert.match(output, /countersign: A duration must be/, "the folder's name was completed");
      });

      test("a name that the shell would act on is neither offered nor run", { skip }, async () => {
        const pwned = join(folder, `pwned-by-${name}`);
        const hostile = [`$(touch ${pwned})`, `\`touch ${pwned}\``, `;touch ${pwned};`, `x\ttouch ${pwned}`, `*`];
        const database = new DatabaseSync(join(dataDir, "countersign.db"));
        try {
          database.exec("delete from accounts where shortname <> 'acme'");
          for (const [index, shortname] of hostile.entries()) {
            database
              .prepare("insert into accounts (shortname, name, status, created_at_ms) values (?, ?, 'active', 0)")
              .run(index % 2 === 0 ? shortname : `safe${index}`, shortname);
          }
          assert.match((await complete(["account", "edit", ""])).stdout, /^(?:(?:acme|safe\d)\t.*\n){3}$/);
          const output = await type("countersign account edit \t\t", "countersign account edit safe\t\t");
          assert.match(output, /safe1/);
          assert.ok(!existsSync(pwned), "a description isn't run either");
        } finally {
          database.exec("delete from accounts where shortname <> 'acme'");
          database.close();
        }
      });
    });
  }

  describe("fish", async () => {
    const missing = await findMissing({ name: "fish", debianPackages: "fish", probes: [["fish", "--version"]] });
    const skip = missing !== undefined && !IS_CI && missing;

    test("its own completer gives commands, names with descriptions, and files", { skip }, async () => {
      const offered = async (line: string) =>
        (
          await runProgram(
            "fish",
            ["--no-config", "-c", `countersign completion fish | source; complete -C '${line}'`],
            {
              env,
            },
          )
        ).stdout;
      assert.equal(await offered("countersign acc"), "account\taccounts, which own API users\n");
      assert.equal(await offered("countersign key list api-1-d"), "api-1-demo\tactive\n");
      assert.equal(await offered("countersign key show "), "1\tapi-1-demo, active, nightly $(job)\n");
      assert.match(await offered(`countersign backup ${folder}/priv`), /private\.pem/);
    });
  });
});

describe("version", () => {
  test("prints what runs here, for people and for programs", async () => {
    const json = parseJsonLine(await run("version", "--json")) as Record<string, string>;
    assert.deepEqual(Object.keys(json), ["version", "node", "platform", "schema"]);
    assert.deepEqual([json["node"], json["platform"]], [process.versions.node, `${process.platform}-${process.arch}`]);
    assert.match(json["schema"] ?? "", /^\d{4}-[a-z-]+$/);
    const { stdout } = await run("version");
    assert.match(stdout, /^version {3}\d+\.\d+\.\d+\nnode {6}[\d.]+\nplatform {2}.*\nschema {4}.*\n$/);
    assert.equal((await run("--version")).stdout, `${json["version"]}\n`);
  });
});
