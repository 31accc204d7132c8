import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { openStreamPositionFile } from "./stream-position-file.ts";

const folder = makeTemporaryFolder();
after(() => folder.remove());
const position = { storeId: "5t0re", seq: 7, hash: "ab".repeat(32) };

test("a position is read as it was written, and no other file is left", async () => {
  const file = folder.file("position");
  const memory = openStreamPositionFile(file);
  assert.equal(await memory.read(), undefined);
  await memory.write({ ...position, seq: 6 });
  await memory.write(position);
  assert.deepEqual(await openStreamPositionFile(file).read(), position);
  assert.equal(readFileSync(file, "utf8"), `{"form":1,"store_id":"5t0re","seq":7,"hash":"${position.hash}"}\n`);
  assert.deepEqual([statSync(file).mode & 0o777, readdirSync(folder.path)], [0o600, ["position"]]);
});

test("a damaged position, another file and a folder that isn't there are refused", async () => {
  const file = folder.file("damaged");
  for (const text of [
    "",
    "{",
    "[]",
    "null",
    '{"form":2}',
    JSON.stringify({ form: 1, store_id: "x", seq: -1, hash: position.hash }),
  ]) {
    writeFileSync(file, text);
    await assert.rejects(openStreamPositionFile(file).read(), {
      message: `${file} isn't a position of an audit stream, or is damaged; name another file.`,
    });
  }
  const missing = folder.file("missing/position");
  await assert.rejects(openStreamPositionFile(missing).read(), {
    message: `The position file ${missing} can't be created (ENOENT).`,
  });
  await assert.rejects(openStreamPositionFile(folder.path).read(), {
    message: `The position file ${folder.path} can't be read (EISDIR).`,
  });
});
