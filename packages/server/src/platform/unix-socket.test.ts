import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isInSharedFolder, removeStaleSocket } from "./unix-socket.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "countersign-socket-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

async function listenAt(t: TestContext, path: string) {
  const server = createServer((socket) => socket.destroy()).listen(path);
  t.after(() => server.close());
  await once(server, "listening");
  return server;
}

/** A socket as a killed process leaves it: node:net removes the path it was given, and this one was renamed. */
async function leaveStaleSocket(t: TestContext, path: string): Promise<void> {
  const server = await listenAt(t, `${path}.before`);
  renameSync(`${path}.before`, path);
  server.close();
  await once(server, "close");
}

test("a socket that nobody listens at is removed", async (t) => {
  const path = join(folderFor(t), "public.sock");
  await leaveStaleSocket(t, path);
  assert.ok(lstatSync(path).isSocket());
  await removeStaleSocket(path);
  assert.equal(existsSync(path), false);
});

test("a free path and a missing folder are left to the call that listens", async (t) => {
  const folder = folderFor(t);
  await removeStaleSocket(join(folder, "public.sock"));
  await removeStaleSocket(join(folder, "missing", "public.sock"));
});

test("a socket at which another process listens isn't taken from it", async (t) => {
  const path = join(folderFor(t), "public.sock");
  await listenAt(t, path);
  await assert.rejects(removeStaleSocket(path), {
    name: "UnixSocketError",
    message: `can't listen on unix:${path}: another process listens there`,
  });
  assert.ok(lstatSync(path).isSocket());
});

test("a file that isn't a socket is never removed", async (t) => {
  const path = join(folderFor(t), "public.sock");
  writeFileSync(path, "mine");
  await assert.rejects(removeStaleSocket(path), /a file that isn't a socket is there/);
  assert.ok(existsSync(path));
});

test("several processes may find the same stale socket", async (t) => {
  const path = join(folderFor(t), "public.sock");
  await leaveStaleSocket(t, path);
  await Promise.all([removeStaleSocket(path), removeStaleSocket(path), removeStaleSocket(path)]);
  assert.equal(existsSync(path), false);
});

test("a folder that every user can write to is noticed", (t) => {
  assert.equal(isInSharedFolder(join(folderFor(t), "public.sock")), false);
  assert.equal(isInSharedFolder("/tmp/public.sock"), true);
  assert.equal(isInSharedFolder("/no/such/folder/public.sock"), false);
});
