/** Files and folders with secrets, variables of a platform, and passwords in flags, as operators encounter them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { endWithThisProcess, environment, type ProgramResult, runProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, startServer, temporaryFolder } from "../testkit/server.ts";

const IS_ROOT = process.getuid?.() === 0;
const needsRoot = IS_ROOT ? false : "only root can give files to another user";
const [STRANGER, GROUP, MEMBER] = [4001, 4002, 4003];

function run(dataDir: string, args: readonly string[], env: Record<string, string> = {}): Promise<ProgramResult> {
  return runProgram(process.execPath, [COUNTERSIGN, ...args], {
    env: environment({ COUNTERSIGN_DATA_DIR: dataDir, ...env }),
  });
}

/** A store with one account, whose master key has been used. */
const template = makeStore();

async function makeStore(): Promise<string> {
  const dataDir = join(temporaryFolder(), "data");
  for (const args of [
    ["account", "create", "acme"],
    ["signing-key", "rotate"],
  ]) {
    const { status, stderr } = await run(dataDir, args);
    assert.equal(status, 0, stderr);
  }
  return dataDir;
}

/** A copy of its data folder. */
async function newStore(): Promise<string> {
  const dataDir = join(temporaryFolder(), "data");
  cpSync(await template, dataDir, { recursive: true });
  chmodSync(dataDir, 0o700);
  return dataDir;
}

async function assertRefused(dataDir: string, says: RegExp, env: Record<string, string> = {}): Promise<void> {
  for (const args of [
    ["check", "x"],
    ["serve", "--port", "0", "--admin-port", "0"],
  ]) {
    const { status, stderr } = await run(dataDir, args, env);
    assert.equal(status, 1, stderr);
    assert.match(stderr, says);
    assert.match(stderr, /^[^\n]+\n$/, "one line");
  }
}

describe("master.key", { concurrency: 2 }, () => {
  for (const mode of [0o640, 0o604]) {
    test(`with the mode ${mode.toString(8)} is refused with the mode that is needed`, async () => {
      const dataDir = await newStore();
      chmodSync(join(dataDir, "master.key"), mode);
      await assertRefused(
        dataDir,
        /master\.key has the mode 06[0-7]{2} and can be read or written by .*run chmod 600 on it/,
      );
    });
  }

  test("that is a symbolic link is refused, also if its target is missing", async () => {
    const dataDir = await newStore();
    const [file, elsewhere] = [join(dataDir, "master.key"), join(dataDir, "..", "elsewhere")];
    renameSync(file, elsewhere);
    symlinkSync(elsewhere, file);
    await assertRefused(dataDir, /master\.key is a symbolic link; a regular file is needed/);
    await assertRefused(dataDir, /master\.key is a symbolic link/, { COUNTERSIGN_SECRET_FILE_ACCESS: "group" });
    renameSync(elsewhere, join(dataDir, "..", "gone"));
    await assertRefused(dataDir, /master\.key is a symbolic link/);
  });

  test("that isn't random is refused", async () => {
    const dataDir = await newStore();
    for (const bytes of [Buffer.alloc(32), Buffer.from(Array.from({ length: 32 }, (_, index) => index))]) {
      writeFileSync(join(dataDir, "master.key"), `${bytes.toString("base64")}\n`);
      await assertRefused(dataDir, /master\.key isn't random; make 32 random bytes with: openssl rand -base64 32/);
    }
  });

  test("owned by another user is refused", { skip: needsRoot }, async () => {
    const dataDir = await newStore();
    chownSync(join(dataDir, "master.key"), STRANGER, STRANGER);
    await assertRefused(dataDir, /master\.key belongs to user 4001 and group 4001; it must belong to root/);
  });
});

describe("the data folder", { concurrency: 2 }, () => {
  for (const mode of [0o777, 0o770]) {
    test(`with the mode ${mode.toString(8)} is refused, and no store is created in it`, async () => {
      const dataDir = await newStore();
      chmodSync(dataDir, mode);
      await assertRefused(
        dataDir,
        /data has the mode 0[0-7]+ and can be written to by other users; run chmod 700 on it/,
      );
      const empty = temporaryFolder();
      chmodSync(empty, mode);
      assert.equal((await run(empty, ["account", "create", "acme"])).status, 1);
      assert.deepEqual(readdirSync(empty), []);
    });
  }

  test("owned by another user is refused", { skip: needsRoot }, async () => {
    const dataDir = await newStore();
    chownSync(dataDir, STRANGER, STRANGER);
    await assertRefused(dataDir, /data belongs to user 4001 .*must belong to root.*chown.*fsGroup/);
  });

  for (const file of ["countersign.db", "countersign.position"]) {
    test(`with ${file} owned by another user is refused`, { skip: needsRoot }, async () => {
      const dataDir = await newStore();
      chownSync(join(dataDir, file), STRANGER, STRANGER);
      await assertRefused(dataDir, new RegExp(`${file.replace(".", "\\.")} belongs to user 4001`));
    });
  }

  test("shared by a group works with the setting for groups, which the refusal without it names", {
    skip: needsRoot,
  }, async () => {
    // As a volume under Kubernetes' fsGroup: files of another user, readable and writable by the pod's group.
    const dataDir = await newStore();
    chmodSync(join(dataDir, ".."), 0o755);
    for (const file of readdirSync(dataDir)) {
      chownSync(join(dataDir, file), STRANGER, GROUP);
      chmodSync(join(dataDir, file), 0o660);
    }
    chownSync(dataDir, STRANGER, GROUP);
    chmodSync(dataDir, 0o2770);
    const asMember = (env: Record<string, string>, ...args: string[]) =>
      runProgram(
        "setpriv",
        [`--reuid=${MEMBER}`, `--regid=${GROUP}`, "--clear-groups", process.execPath, COUNTERSIGN, ...args],
        { env: environment({ COUNTERSIGN_DATA_DIR: dataDir, ...env }) },
      );
    const refused = await asMember({}, "check", "x");
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      /data belongs to user 4001 and group 4002; .*user 4003.*chown.*fsGroup.*COUNTERSIGN_SECRET_FILE_ACCESS=group/,
    );
    const shared = { COUNTERSIGN_SECRET_FILE_ACCESS: "group" };
    const created = await asMember(shared, "account", "create", "second", "--json");
    assert.equal(created.status, 0, created.stderr);
    assert.equal((await asMember(shared, "signing-key", "rotate")).status, 0, "it reads the master key");
  });
});

test("a secret as Kubernetes mounts it, root's link to a file of the group, is accepted with the setting for groups", {
  skip: needsRoot,
}, async () => {
  const volume = temporaryFolder();
  const dataDir = join(temporaryFolder(), "data");
  const revision = join(volume, "..2026_11_27");
  const { status } = await runProgram("mkdir", ["-m", "750", revision]);
  assert.equal(status, 0);
  writeFileSync(join(revision, "master"), readFileSync(join(await newStore(), "master.key")));
  chmodSync(join(revision, "master"), 0o440);
  symlinkSync("..2026_11_27", join(volume, "..data"));
  symlinkSync("..data/master", join(volume, "master"));
  const env = { COUNTERSIGN_MASTER_SECRET_FILE: join(volume, "master") };
  const strict = await run(dataDir, ["account", "create", "acme"], env);
  assert.equal(strict.status, 2);
  assert.match(strict.stderr, /COUNTERSIGN_MASTER_SECRET_FILE: the file is a symbolic link/);
  const shared = { ...env, COUNTERSIGN_SECRET_FILE_ACCESS: "group" };
  assert.equal((await run(dataDir, ["account", "create", "acme"], shared)).status, 0);
  assert.equal((await run(dataDir, ["signing-key", "rotate"], shared)).status, 0);
  assert.ok(!existsSync(join(dataDir, "master.key")));
  lchownSync(join(volume, "master"), STRANGER, STRANGER);
  assert.match((await run(dataDir, ["account", "list"], shared)).stderr, /symbolic link that belongs to user 4001/);
});

test("a data folder with a line end or quotation marks in its path creates no store", async () => {
  const folder = temporaryFolder();
  for (const name of ["data\r", '"data"']) {
    for (const args of [
      ["account", "create", "acme"],
      ["serve", "--port", "0", "--admin-port", "0"],
    ]) {
      const { status, stderr } = await run(name, args);
      assert.equal(status, 2);
      assert.match(stderr, /^countersign: COUNTERSIGN_DATA_DIR: the value .*remove it\n$/);
      const byFlag = await run(folder, [...args, "--data-dir", name]);
      assert.equal(byFlag.status, 2);
      assert.match(byFlag.stderr, /^countersign: --data-dir: the value .*remove it\n$/);
    }
  }
  assert.deepEqual(readdirSync(folder), []);
});

test("a server ignores Kubernetes' service variables, and names them in one line of its log", async () => {
  const links = {
    COUNTERSIGN_SERVICE_HOST: "10.43.0.18",
    COUNTERSIGN_SERVICE_PORT: "8080",
    COUNTERSIGN_PORT: "tcp://10.43.0.18:8080",
    COUNTERSIGN_PORT_8080_TCP: "tcp://10.43.0.18:8080",
  };
  const server = await startServer({ env: links });
  const lines = server
    .stderr()
    .split("\n")
    .filter((line) => line.includes("Kubernetes"));
  assert.equal(lines.length, 1);
  for (const name of Object.keys(links)) assert.ok(lines[0]?.includes(name), name);
  assert.equal((await server.cli("account", "create", "acme")).stderr, "");
  await server.stop();
});

test("a password in --database-url or --to causes a warning of one line that doesn't repeat it", async () => {
  const notice = /^countersign: warning: (--database-url|--to) holds a password, .* process list; use .*\n/;
  const url = "postgres://countersign:hunter2@127.0.0.1:1/x";
  for (const args of [
    ["account", "list", "--database-url", url],
    ["store", "copy", "--to", url],
  ]) {
    const { status, stderr } = await run(join(temporaryFolder(), "data"), args);
    assert.equal(status, 1);
    assert.match(stderr, notice);
    assert.equal(stderr.split("warning:").length, 2);
    assert.doesNotMatch(stderr, /hunter2/);
  }
});

test("the log of a server with a password in a flag warns of it once, as a line of JSON", async () => {
  const flags = ["--database-url", "postgres://countersign:hunter2@127.0.0.1:1/x", "--port", "0", "--admin-port", "0"];
  const child = spawn(process.execPath, [COUNTERSIGN, "serve", "--workers", "2", ...flags], {
    env: environment({ COUNTERSIGN_DATA_DIR: temporaryFolder() }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithThisProcess(child);
  let log = "";
  for await (const chunk of child.stderr.setEncoding("utf8")) {
    log += String(chunk);
    // The store can't be reached, and the server waits for it.
    if (log.includes("not ready")) child.kill("SIGTERM");
  }
  const notices = log
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { level: string; msg: string });
  assert.equal(
    notices.filter(({ level, msg }) => level === "warn" && msg.startsWith("--database-url holds")).length,
    1,
  );
  assert.doesNotMatch(log, /hunter2/);
});
