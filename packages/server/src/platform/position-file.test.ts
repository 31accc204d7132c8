import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { StorePosition } from "../core/store-identity/position.ts";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { openPositionFile } from "./position-file.ts";

const folder = makeTemporaryFolder();
after(() => folder.remove());
const file = folder.file("countersign.position");
const POSITION: StorePosition = {
  storeId: "0".repeat(32),
  ids: { accounts: 1, users: 2, keys: 3, resourceServers: 0, operators: 0, adminTokens: 0, signingKeys: 1 },
  events: [{ seq: 9, hash: "f", atMs: 1, action: "key.revoked", subject: "key:3" }],
};

describe("a remembered position", () => {
  test("is read as it was written, by any process, and is readable by its owner only", async () => {
    const memory = openPositionFile(folder.path);
    assert.deepEqual([memory.exists(), memory.read()], [false, undefined]);
    await memory.write(POSITION);
    assert.deepEqual(openPositionFile(folder.path).read(), POSITION);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder.path), ["countersign.position"]);
    memory.forget();
    assert.deepEqual([memory.exists(), memory.read()], [false, undefined]);
  });

  test("is kept in memory if the folder doesn't exist, and the folder isn't made", async () => {
    const nowhere = folder.file("nowhere");
    const memory = openPositionFile(nowhere);
    await memory.write(POSITION);
    assert.deepEqual(memory.read(), POSITION);
    assert.ok(!existsSync(nowhere));
  });

  for (const [name, text] of [
    ["nothing", ""],
    ["no JSON", "{"],
    ["JSON that is no object", "null"],
    ["another form", JSON.stringify({ form: 2, ...POSITION })],
    ["an id that is no number", JSON.stringify({ form: 1, ...POSITION, ids: { accounts: "1" } })],
    [
      "an event without a hash",
      JSON.stringify({ form: 1, ...POSITION, events: [{ seq: 1, atMs: 1, action: "a", subject: "b" }] }),
    ],
  ] as const) {
    test(`that holds ${name} is refused, not treated as missing`, () => {
      writeFileSync(file, text);
      assert.throws(() => openPositionFile(folder.path).read(), {
        name: "OperatorError",
        message: /countersign.position is damaged/,
      });
    });
  }

  test("that is a pipe is refused at once, not waited for", () => {
    const other = makeTemporaryFolder();
    after(() => other.remove());
    execFileSync("mkfifo", [join(other.path, "countersign.position")]);
    assert.throws(() => openPositionFile(other.path).read(), { name: "OperatorError", message: /is damaged/ });
  });
});
