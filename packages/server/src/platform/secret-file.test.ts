import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Worker } from "node:worker_threads";
import {
  checkSecretFolder,
  checkSecretOwner,
  readSecretFile,
  type SecretFileAccess,
  SecretFileError,
} from "./secret-file.ts";

const IS_ROOT = process.getuid?.() === 0;
const GROUP = process.getegid?.() ?? 0;
const STRANGER = 65_533;
const needsRoot = IS_ROOT ? false : "only root can give a file to another user";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "countersign-secret-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function secretFile(mode: number, owner?: readonly [uid: number, gid: number]): string {
  const file = join(folder, "secret");
  writeFileSync(file, " a secret\n");
  chmodSync(file, mode);
  if (owner !== undefined) chownSync(file, ...owner);
  return file;
}

/** The refusal of a file or folder; `undefined` if it is accepted. */
function problemOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SecretFileError, String(error));
    return error.message;
  }
}

const read = (file: string, access: SecretFileAccess = "owner", mayBeLink = access === "group") =>
  problemOf(() => assert.equal(readSecretFile(file, access, mayBeLink), "a secret"));

test("a secret's file must be its owner's only: any right of others is refused with the mode that is needed", () => {
  for (const mode of [0o600, 0o400, 0o700]) assert.equal(read(secretFile(mode)), undefined, mode.toString(8));
  for (const mode of [0o640, 0o660, 0o620, 0o644, 0o604, 0o602, 0o666, 0o601, 0o777, 0o440, 0o444]) {
    const problem = read(secretFile(mode)) ?? "";
    assert.match(problem, /^has the mode 0[0-7]{3} and can be read or written by other users; run chmod 600 on it/);
    assert.equal(/COUNTERSIGN_SECRET_FILE_ACCESS=group/.test(problem), (mode & 0o007) === 0, problem);
  }
});

test("where a group shares secrets, rights of the group are accepted and those of others aren't", () => {
  for (const mode of [0o600, 0o640, 0o660, 0o440, 0o400]) {
    assert.equal(read(secretFile(mode), "group"), undefined, mode.toString(8));
  }
  for (const mode of [0o644, 0o604, 0o602, 0o666, 0o661]) {
    assert.match(read(secretFile(mode), "group") ?? "", /run chmod 600 on it$/, mode.toString(8));
  }
});

test("another user's file is refused with the owner that is needed", { skip: needsRoot }, () => {
  assert.match(
    read(secretFile(0o600, [STRANGER, STRANGER])) ?? "",
    /^belongs to user 65533 and group 65533; it must belong to root, .*chown.*fsGroup.*COUNTERSIGN_SECRET_FILE_ACCESS=group$/,
  );
  assert.match(read(secretFile(0o660, [STRANGER, GROUP])) ?? "", /^belongs to user 65533/);
  assert.equal(read(secretFile(0o660, [STRANGER, GROUP]), "group"), undefined);
  assert.match(read(secretFile(0o660, [STRANGER, STRANGER]), "group") ?? "", /^belongs to user 65533 and group 65533/);
});

test("a credential by systemd is accepted with the mask of its access-control list", { skip: needsRoot }, () => {
  const readCredential = (file: string, credentials: string | undefined) =>
    problemOf(() => assert.equal(readSecretFile(file, "owner", false, credentials), "a secret"));
  chmodSync(folder, 0o550);
  const file = secretFile(0o440);
  for (const name of [folder, `${folder}/`]) assert.equal(readCredential(file, name), undefined);
  for (const elsewhere of [undefined, tmpdir(), join(folder, "secret")]) {
    assert.match(readCredential(file, elsewhere) ?? "", /^has the mode 0440/);
  }
  for (const mode of [0o640, 0o444, 0o460, 0o470]) {
    assert.match(readCredential(secretFile(mode), folder) ?? "", /^has the mode/, mode.toString(8));
  }
  assert.match(readCredential(secretFile(0o440, [0, STRANGER]), folder) ?? "", /^has the mode 0440/);
  assert.match(readCredential(secretFile(0o440, [STRANGER, 0]), folder) ?? "", /^belongs to user/);
  secretFile(0o440, [0, 0]);
  for (const mode of [0o570, 0o552]) {
    chmodSync(folder, mode);
    assert.match(readCredential(file, folder) ?? "", /^has the mode 0440/);
  }
  chmodSync(folder, 0o550);
  chownSync(folder, STRANGER, 0);
  assert.match(readCredential(file, folder) ?? "", /^has the mode 0440/);
});

test("a symbolic link is refused; where a group shares secrets, this user's or root's is accepted", () => {
  const link = join(folder, "link");
  symlinkSync(secretFile(0o600), link);
  assert.match(read(link) ?? "", /^is a symbolic link; a regular file is needed$/);
  assert.match(read(link, "group", false) ?? "", /^is a symbolic link/);
  assert.equal(read(link, "group"), undefined);
  secretFile(0o644);
  assert.match(read(link, "group") ?? "", /^has the mode 0644/, "the link's target is checked");
  assert.match(read(join(folder, "none")) ?? "", /^can't be read \(ENOENT\)$/);
});

test("another user's symbolic link is refused, whatever its target", { skip: needsRoot }, () => {
  const link = join(folder, "link");
  symlinkSync(secretFile(0o600), link);
  spawnSync("chown", ["-h", String(STRANGER), link]);
  assert.match(read(link, "group") ?? "", /^is a symbolic link that belongs to user 65533; it must belong to root/);
});

test("what isn't a regular file is refused without waiting, and what is too large without reading it", () => {
  const pipe = join(folder, "pipe");
  assert.equal(spawnSync("mkfifo", ["-m", "600", pipe]).status, 0);
  assert.match(read(pipe) ?? "", /^is a pipe; name a regular file$/);
  assert.match(read(folder) ?? "", /^is a folder; name a regular file$/);
  for (const device of ["/dev/zero", "/dev/null", "/dev/tty0"]) {
    assert.match(read(device) ?? "", /^is a device; |^can't be read \(E[A-Z]+\)$/);
  }
  const file = secretFile(0o600);
  writeFileSync(file, "x".repeat(65_537));
  assert.match(read(file) ?? "", /^is larger than 64 KiB$/);
});

test("no other user can write to the data folder", () => {
  const data = join(folder, "data");
  mkdirSync(data);
  const check = (mode: number, access: SecretFileAccess = "owner") => {
    chmodSync(data, mode);
    return problemOf(() => {
      checkSecretFolder(data, access);
    });
  };
  for (const mode of [0o700, 0o750, 0o755]) assert.equal(check(mode), undefined, mode.toString(8));
  for (const mode of [0o777, 0o1777, 0o775, 0o770, 0o722]) {
    assert.match(
      check(mode) ?? "",
      /^has the mode 0[0-7]{3} and can be written to by other users; run chmod 700 on it/,
    );
  }
  for (const mode of [0o770, 0o2770, 0o775]) assert.equal(check(mode, "group"), undefined, mode.toString(8));
  for (const mode of [0o777, 0o1777, 0o772]) assert.match(check(mode, "group") ?? "", /^has the mode/);
  if (!IS_ROOT) return;
  chownSync(data, STRANGER, GROUP);
  assert.match(check(0o700) ?? "", /^belongs to user 65533/);
  assert.equal(check(0o770, "group"), undefined);
});

test("a file that another process removes meanwhile is no problem", async () => {
  const file = join(folder, "countersign.db-shm");
  const remover = new Worker(
    `const { closeSync, openSync, unlinkSync } = require("node:fs");
     const { parentPort, workerData } = require("node:worker_threads");
     let isDone = false;
     parentPort.once("message", () => { isDone = true; });
     (function again() {
       for (let round = 0; round < 100; round++) {
         closeSync(openSync(workerData, "w"));
         unlinkSync(workerData);
       }
       if (isDone) process.exit(); else setImmediate(again);
     })();
     parentPort.postMessage("running");`,
    { eval: true, workerData: file },
  );
  await once(remover, "message");
  try {
    for (let round = 0; round < 20_000; round++) checkSecretOwner(file, "owner");
  } finally {
    remover.postMessage("stop");
    await once(remover, "exit");
  }
});
