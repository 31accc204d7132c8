import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Command } from "commander";
import { findSynonym, readGroupHelp, readHelpWords, readNamedArguments } from "./words.ts";

const root = new Command("countersign");
const key = root.command("key");
key
  .command("add")
  .argument("<username>")
  .argument("<file>")
  .option("--label <text>")
  .option("--network <cidr...>")
  .option("--json");

const split = (line: string) => line.split(" ");

describe("help and version", () => {
  for (const [given, meant] of [
    ["help", "--help"],
    ["help key", "key --help"],
    ["help key add", "key add --help"],
    ["help --json", "--help"],
    ["-v", "--version"],
    ["-V", "--version"],
    ["key -v", "--version"],
    ["key add --version", "--version"],
    ["key add u f -v", "key add u f -v"],
    ["version --json", "version --json"],
    ["user list", "user list"],
  ] as const) {
    test(`${given} is ${meant}`, () => {
      assert.deepEqual(readHelpWords(split(given)), split(meant));
    });
  }

  test("help after a group is the group's help, and after a command is an argument", () => {
    assert.deepEqual(readGroupHelp(root, split("key help")), split("key --help"));
    assert.deepEqual(readGroupHelp(root, split("key help add")), split("key add --help"));
    assert.deepEqual(readGroupHelp(root, split("key add help")), split("key add help"));
  });
});

describe("arguments that are given as options", () => {
  for (const [given, meant] of [
    ["key add --username u f --label --username", "key add --label --username -- u f"],
    ["key add f --username u --network a b --json", "key add --network a b --json -- u f"],
    ["key add --username u -", "key add -- u -"],
    ["key add --key f", "key add --"],
    ["key add u f", "key add u f"],
    ["key add u f --key g", "key add -- u g f"],
    ["key --username u", "key --username u"],
  ] as const) {
    test(`${given} is read as ${meant}`, () => {
      const read = readNamedArguments(root, split(given));
      assert.deepEqual(read, split(meant));
    });
  }
});

test("a word of other command lines suggests this one's", () => {
  assert.equal(findSynonym(["create", "list", "deactivate"], "delete"), "deactivate");
  assert.equal(findSynonym(["create", "list"], "ls"), "list");
  assert.equal(findSynonym(["create", "list"], "constructor"), undefined);
});
