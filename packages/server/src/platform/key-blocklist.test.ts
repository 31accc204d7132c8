import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { checkKeyBlocklists, createIsPublished } from "./key-blocklist.ts";

const folder = makeTemporaryFolder();
after(() => folder.remove());

const hashOf = (number: number) => createHash("sha256").update(`modulus ${number}`).digest();

/** Writes a list in badkeys' format. @param numbers of the made-up moduli that it holds */
function writeList(name: string, numbers: readonly number[]): string {
  const records = numbers.map((number) => Buffer.concat([hashOf(number).subarray(0, 15), Buffer.from([number % 256])]));
  const file = folder.file(name);
  writeFileSync(file, Buffer.concat(records.sort((a, b) => a.compare(b))));
  return file;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe("a blocklist in badkeys' format", () => {
  for (const length of [0, 1, 2, 3, 1000, 5000]) {
    test(`of ${length} records has each of them, and nothing else`, () => {
      const isPublished = createIsPublished([writeList(`list-${length}`, range(0, length))]);
      for (let number = 0; number < length; number += Math.max(1, Math.floor(length / 200))) {
        assert.ok(isPublished(hashOf(number)), `record ${number}`);
      }
      for (let number = length; number < length + 200; number++) assert.ok(!isPublished(hashOf(number)));
    });
  }

  test("is found by the hash's first 15 bytes, in any of several files", () => {
    const isPublished = createIsPublished([writeList("one", [1]), writeList("two", [2])]);
    const [one, two] = [hashOf(1), hashOf(2)];
    for (const hash of [one, two]) {
      hash[15] = (hash[15] ?? 0) ^ 1;
      assert.ok(isPublished(hash));
      hash[14] = (hash[14] ?? 0) ^ 1;
      assert.ok(!isPublished(hash));
    }
  });

  test("counts as it is when a key is examined, also after it was replaced", () => {
    const file = writeList("replaced", [1]);
    const isPublished = createIsPublished([file]);
    assert.deepEqual([isPublished(hashOf(1)), isPublished(hashOf(2))], [true, false]);
    renameSync(writeList("new", [2]), file);
    assert.deepEqual([isPublished(hashOf(1)), isPublished(hashOf(2))], [false, true]);
  });

  const sorted = writeList("sorted", range(0, 100));
  for (const [name, file, problem] of [
    ["is missing", folder.file("none"), /can't be used: it can't be read \(ENOENT\);/],
    ["is a folder", folder.path, /can't be used: it isn't a file;/],
    ["is cut off", cutOff(), /its size, 1599 bytes, isn't a multiple of 16;/],
    ["isn't sorted", unsorted(), /its records aren't sorted;/],
  ] as const) {
    test(`that ${name} is refused at the start in one line, and no key is taken for unpublished`, () => {
      const fails = { name: "OperatorError", message: problem };
      assert.throws(() => checkKeyBlocklists([sorted, file]), fails);
      assert.throws(() => createIsPublished([sorted, file])(hashOf(1000)), fails);
      assert.throws(() => checkKeyBlocklists([file]), { message: /^COUNTERSIGN_KEY_BLOCKLIST: [^\n]*$/ });
    });
  }

  test("that is good passes the check at the start", () => {
    assert.doesNotThrow(() => checkKeyBlocklists([]));
    assert.doesNotThrow(() => checkKeyBlocklists([sorted, writeList("empty", [])]));
  });

  function cutOff(): string {
    const file = writeList("cut-off", range(0, 100));
    truncateSync(file, 1599);
    return file;
  }

  function unsorted(): string {
    const file = folder.file("unsorted");
    writeFileSync(file, Buffer.concat(range(0, 100).map((number) => hashOf(number).subarray(0, 16))));
    chmodSync(file, 0o600);
    return file;
  }
});
