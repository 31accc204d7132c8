/** What is offered at the cursor, for the commands as they are and with names that the test gives. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NameKind, StoredName } from "../../core/store/stored-name.ts";
import { COMMANDS } from "../commands.ts";
import type { CliContext } from "../context.ts";
import { findCandidates } from "./candidates.ts";
import { sourceOf } from "./names.ts";

interface Asked {
  readonly flags: unknown;
  readonly kind: NameKind;
  readonly prefix: string;
}

/** Completes a line whose words are separated by one space each; the last word is being typed. */
async function complete(line: string, names: readonly StoredName[] | Error = [], settings: object = {}) {
  const asked: Asked[] = [];
  const context = {
    config: (flags: object) => ({ ...settings, ...flags }),
    findNames(flags: unknown, kind: NameKind, prefix: string) {
      asked.push({ flags, kind, prefix });
      return names instanceof Error ? Promise.reject(names) : Promise.resolve(names);
    },
  } as unknown as CliContext;
  const { values, isFile } = await findCandidates(line.split(" "), COMMANDS, context);
  return { values: values.map(({ value }) => value), isFile, asked };
}

const valuesOf = async (line: string) => (await complete(line)).values;

describe("completing a command line", () => {
  test("offers the commands and their subcommands, by what is typed", async () => {
    assert.deepEqual(
      await valuesOf(""),
      COMMANDS.map(({ name }) => name),
    );
    assert.deepEqual(await valuesOf("res"), ["resource-server"]);
    assert.deepEqual(await valuesOf("key ch"), ["challenge"]);
    assert.deepEqual(await valuesOf("nonsense "), []);
    assert.deepEqual(await valuesOf("-"), ["--help", "--version"]);
  });

  test("offers a command's flags, each once unless it can be repeated", async () => {
    assert.deepEqual(await valuesOf("key list --e"), ["--expiring"]);
    assert.deepEqual(await valuesOf("key list --expiring 30d --e"), []);
    assert.deepEqual(await valuesOf("user create x --network 10.0.0.0/8 --netw"), ["--network"]);
    assert.ok((await valuesOf("account list ")).includes("--json"), "where no argument is left");
    assert.deepEqual(await valuesOf("key list -- --e"), [], "but not after --");
  });

  test("offers the choices of a flag, also after an equals sign in one word or, as bash has it, in three", async () => {
    assert.deepEqual(await valuesOf("operator invite x --role a"), ["admin"]);
    assert.deepEqual(await valuesOf("operator invite x --role=a"), ["--role=admin"]);
    assert.deepEqual(await valuesOf("operator invite x --role = a"), ["admin"]);
    assert.deepEqual(await valuesOf("operator invite x --role ="), ["viewer", "admin", "owner"]);
  });

  test("asks the store that the line names for names of the right kind", async () => {
    for (const [line, kind] of [
      ["account edit a", "account"],
      ["user create x --account a", "account"],
      ["user deactivate a", "user"],
      ["key list a", "user"],
      ["token --username a", "user"],
      ["key revoke a", "key"],
      ["key list --json a", "user"],
      ["resource-server rotate a", "resource-server"],
      ["webhook test a", "webhook"],
      ["operator deactivate a", "operator"],
      ["signing-key retire a", "signing-key"],
      ["admin-token revoke a", "admin-token"],
    ] as const) {
      const { values, asked } = await complete(line, [
        { value: "abc", about: null },
        { value: "xyz", about: null },
      ]);
      assert.deepEqual(asked, [{ flags: {}, kind, prefix: "a" }], line);
      assert.deepEqual(values, ["abc"], line);
    }
    const { asked } = await complete("key --json list --data-dir /srv/a --database-url=postgres://b ");
    assert.deepEqual(asked[0]?.flags, { dataDir: "/srv/a", databaseUrl: "postgres://b" });
  });

  test("asks no store where a token or a flag selects a server", async () => {
    assert.deepEqual((await complete("key list --admin-url https://admin.example.com ")).asked, []);
    assert.deepEqual((await complete("key list --admin-url=https://admin.example.com a")).asked, []);
    assert.deepEqual((await complete("key list ", [], { adminToken: "csat_x" })).asked, []);
  });

  test("offers no name where a new one is wanted, and no second one where one is", async () => {
    for (const line of [
      "account create ",
      "user create ",
      "resource-server create ",
      "operator invite ",
      "key list a ",
    ]) {
      assert.deepEqual((await complete(line)).asked, [], line);
    }
  });

  test("offers files where a file is wanted", async () => {
    for (const line of [
      "backup ",
      "key add api-1-demo ",
      "key generate x --out ",
      "token --key p",
      "account list --data-dir ",
    ]) {
      assert.ok((await complete(line)).isFile, line);
    }
    assert.equal((await complete("key list ")).isFile, false);
  });

  test("offers nothing, and doesn't fail, where the store can't be read", async () => {
    assert.deepEqual((await complete("key list ", new Error("locked"))).values, []);
  });

  test("every pattern for a placeholder stands for one that a command has", async () => {
    const kinds = new Set<string | undefined>();
    for (const { load } of COMMANDS) {
      const visit = (command: ReturnType<Awaited<ReturnType<typeof load>>>, path: string) => {
        for (const argument of command.registeredArguments) kinds.add(sourceOf(`${path} <${argument.name()}>`));
        for (const subcommand of command.commands) visit(subcommand, `${path} ${subcommand.name()}`);
      };
      const command = (await load())({} as CliContext);
      visit(command, command.name());
    }
    const expected = [
      "account",
      "admin-token",
      "files",
      "key",
      "operator",
      "resource-server",
      "signing-key",
      "user",
      "webhook",
    ];
    assert.deepEqual([...kinds].filter((kind) => kind !== undefined).toSorted(), expected);
  });
});
