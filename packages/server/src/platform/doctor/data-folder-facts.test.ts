import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findDiskFacts, findFileFacts } from "./data-folder-facts.ts";

const root = mkdtempSync(join(tmpdir(), "countersign-folder-facts-"));
after(() => rmSync(root, { recursive: true }));

test("open files, a folder that others write to, and a master key that is a link are found, and nothing is made", () => {
  const folder = join(root, "data");
  mkdirSync(folder, { mode: 0o700 });
  assert.deepEqual(findFileFacts(join(root, "none"), "owner", []).isThere, false);
  const [database, masterKey] = [join(folder, "countersign.db"), join(folder, "master.key")];
  writeFileSync(database, "", { mode: 0o600 });
  const sound = findFileFacts(folder, "owner", []);
  assert.deepEqual([sound.isThere, sound.count, sound.refused, sound.open], [true, 1, [], []]);

  chmodSync(database, 0o640);
  assert.deepEqual(findFileFacts(folder, "owner", []).open, [{ path: database, mode: "0640" }]);
  assert.deepEqual(findFileFacts(folder, "group", []).open, []);
  chmodSync(database, 0o600);

  symlinkSync(database, masterKey);
  const linked = findFileFacts(folder, "owner", []).refused;
  assert.deepEqual(
    linked.map(({ path }) => path),
    [masterKey],
  );
  rmSync(masterKey);

  chmodSync(folder, 0o777);
  assert.match(findFileFacts(folder, "owner", []).refused[0]?.problem ?? "", /chmod 700/);
  assert.deepEqual(readdirSync(folder), ["countersign.db"]);
});

test("a socket in a folder that every user can write to is found", () => {
  const folder = join(root, "sockets");
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  const own = join(root, "x.sock");
  const shared = join(folder, "x.sock");
  assert.deepEqual(findFileFacts(root, "owner", [own, shared]).exposedSockets, [shared]);
});

test("the file system's figures and the store's size are read", async () => {
  const folder = join(root, "disk");
  mkdirSync(folder);
  writeFileSync(join(folder, "countersign.db"), Buffer.alloc(5000));
  const facts = await findDiskFacts(folder);
  assert.equal(facts?.storeBytes, 5000);
  assert.ok(facts.freeBytes > 0);
  assert.equal(await findDiskFacts(join(folder, "none")), undefined);
});
