/**
 * Whatever standard output and standard error are connected to, a server must serve and end: an unread pipe, an unread
 * socket, a full disk, a terminal that is stopped or gone.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { eventually } from "../testkit/eventually.ts";
import { endWithThisProcess, environment, runProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, temporaryFolder } from "../testkit/server.ts";

/** Generous: what is tested is that the process ends at all. */
const END_MS_MAX = 60_000;

/**
 * A Python program that runs a command with a terminal as standard output and error, and stops or closes the terminal,
 * as its first argument says.
 */
const TERMINAL = `
import os, pty, subprocess, sys, time, urllib.request
what, url, *command = sys.argv[1:]
ours, theirs = pty.openpty()
if what == "stopped":
    os.set_blocking(theirs, False)
    try:
        while True: os.write(theirs, b"x" * 64)
    except BlockingIOError: pass
    os.set_blocking(theirs, True)
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True)
os.close(theirs)
while child.poll() is None:
    try: urllib.request.urlopen(url).read(); break
    except OSError: time.sleep(0.05)
if what == "gone": os.close(ours)
child.terminate()
try: print(child.wait(${END_MS_MAX / 1000}))
except subprocess.TimeoutExpired: child.kill(); print("it doesn't end")
`;

interface Destinations {
  readonly stdout: "pipe" | number;
  readonly stderr: "pipe" | number;
}

/** A pipe that is full, and whose reader doesn't read. @returns the end to write to */
async function fullPipe(): Promise<number> {
  const file = join(temporaryFolder(), "pipe");
  assert.equal((await runProgram("mkfifo", [file])).status, 0);
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const filler = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  assert.throws(() => {
    for (;;) writeSync(filler, "x".repeat(1024));
  }, /EAGAIN/);
  assert.throws(() => {
    for (;;) writeSync(filler, "x");
  }, /EAGAIN/);
  closeSync(filler);
  const writer = openSync(file, constants.O_WRONLY);
  after(() => {
    closeSync(reader);
    closeSync(writer);
  });
  return writer;
}

function openForTest(file: string): number {
  const descriptor = openSync(file, "w");
  after(() => {
    closeSync(descriptor);
  });
  return descriptor;
}

/** The command line of a server, and where it says that it is ready. */
async function serveCommand(...flags: string[]): Promise<{ readonly args: string[]; readonly url: string }> {
  const adminPort = await reservePort();
  const ports = ["--port", "0", "--admin-port", String(adminPort)];
  const args = [COUNTERSIGN, "serve", "--data-dir", temporaryFolder(), "--log-level", "trace", ...ports, ...flags];
  return { args, url: `http://127.0.0.1:${adminPort}/readyz` };
}

async function startServing(destinations: Destinations, ...flags: string[]): Promise<ChildProcess & { url: string }> {
  const { args, url } = await serveCommand(...flags);
  const child = spawn(process.execPath, args, {
    env: environment(),
    stdio: ["ignore", destinations.stdout, destinations.stderr],
  });
  endWithThisProcess(child);
  after(() => child.kill("SIGKILL"));
  await eventually(
    "the server is ready",
    async () => {
      assert.equal(child.exitCode, null, "it keeps serving");
      return await fetch(url, { headers: { connection: "close" } }).then(
        (answer) => (answer.ok ? true : undefined),
        () => undefined,
      );
    },
    END_MS_MAX,
  );
  return Object.assign(child, { url });
}

async function endOf(child: ChildProcess): Promise<{ status: number | null; signal: string | null }> {
  return await eventually(
    "the process ends",
    () =>
      child.exitCode === null && child.signalCode === null
        ? undefined
        : { status: child.exitCode, signal: child.signalCode },
    END_MS_MAX,
  );
}

const STALLED = {
  "a full, unread pipe": fullPipe,
  "a full disk": () => Promise.resolve(openForTest("/dev/full")),
} as const;

describe("SIGTERM ends a server with status 0", { concurrency: 2 }, () => {
  for (const [name, open] of Object.entries(STALLED)) {
    for (const workers of ["1", "2"]) {
      test(`with ${workers} process(es) where standard error is ${name}`, async () => {
        const child = await startServing({ stdout: "pipe", stderr: await open() }, "--workers", workers);
        child.kill("SIGTERM");
        assert.deepEqual(await endOf(child), { status: 0, signal: null });
      });
      test(`with ${workers} process(es) where standard output and standard error are ${name}`, async () => {
        const stalled = await open();
        const child = await startServing({ stdout: stalled, stderr: stalled }, "--workers", workers);
        child.kill("SIGTERM");
        assert.deepEqual(await endOf(child), { status: 0, signal: null });
      });
    }
  }

  for (const workers of ["1", "2"]) {
    test(`with ${workers} process(es) where standard error is an unread socket`, async () => {
      // For "pipe", spawn makes a pair of sockets, of which this process reads only the first 64 KiB.
      const child = await startServing({ stdout: "pipe", stderr: "pipe" }, "--workers", workers);
      // Each on a connection of its own, so that every process has lines to write.
      const init = { headers: { connection: "close" } };
      for (let sent = 0; sent < 2000; sent++) await fetch(child.url, init).then((answer) => answer.arrayBuffer());
      child.kill("SIGTERM");
      assert.deepEqual(await endOf(child), { status: 0, signal: null });
    });
  }

  for (const what of ["stopped", "gone"]) {
    for (const workers of ["1", "2"]) {
      test(`with ${workers} process(es) where the terminal is ${what}`, async () => {
        const { args, url } = await serveCommand("--workers", workers);
        const command = ["-c", TERMINAL, what, url, process.execPath, ...args];
        const { stdout, stderr } = await runProgram("/usr/bin/python3", command, { timeoutMs: 3 * END_MS_MAX });
        assert.equal(stdout.trim(), "0", stderr);
      });
    }
  }
});

/** Waits until a server whose output can't be read answers. */
async function answers(url: string): Promise<void> {
  await eventually(
    "it is ready",
    () =>
      fetch(url).then(
        (answer) => answer.ok || undefined,
        () => undefined,
      ),
    END_MS_MAX,
  );
}

test("a defect ends a server whose standard error is stalled", async () => {
  const folder = temporaryFolder();
  const preload = join(folder, "defect.mjs");
  writeFileSync(preload, 'process.on("SIGUSR2", () => { throw new Error("a defect"); });\n');
  const { args, url } = await serveCommand();
  const child = spawn(process.execPath, ["--import", preload, ...args], {
    env: environment(),
    stdio: ["ignore", "ignore", await fullPipe()],
  });
  endWithThisProcess(child);
  after(() => child.kill("SIGKILL"));
  await answers(url);
  child.kill("SIGUSR2");
  assert.deepEqual(await endOf(child), { status: 1, signal: null });
});

test("once a stalled reader reads again, it gets the waiting lines, each of them complete", async () => {
  const file = join(temporaryFolder(), "pipe");
  assert.equal((await runProgram("mkfifo", [file])).status, 0);
  const reader = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  const { args, url } = await serveCommand();
  const child = spawn(process.execPath, args, { env: environment(), stdio: ["ignore", "ignore", openForTest(file)] });
  endWithThisProcess(child);
  after(() => child.kill("SIGKILL"));
  await answers(url);
  for (let sent = 0; sent < 1000; sent++) await fetch(url).then((answer) => answer.arrayBuffer());
  let text = "";
  const piece = Buffer.alloc(65_536);
  await eventually(
    "a line for each request",
    () => {
      try {
        text += piece.toString("latin1", 0, readSync(reader, piece));
      } catch (error) {
        assert.match(String(error), /EAGAIN/);
      }
      return text.split('"route":"/readyz"').length > 1000;
    },
    END_MS_MAX,
  );
  for (const line of text.split("\n").slice(0, -1)) JSON.parse(line);
  child.kill("SIGTERM");
  assert.equal((await endOf(child)).status, 0);
  closeSync(reader);
});

test("a command waits for a slow reader of its output, and nothing is cut off", async () => {
  const dataDir = temporaryFolder();
  const run = (...args: string[]) => [COUNTERSIGN, ...args, "--json", "--data-dir", dataDir];
  assert.equal((await runProgram(process.execPath, run("account", "create", "acme"))).status, 0);
  const database = new DatabaseSync(join(dataDir, "countersign.db"), { timeout: 10_000 });
  database.exec(`
    with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < 3000)
    insert into accounts (shortname, name, status, created_at_ms)
    select 'account-' || number, 'An account', 'active', 0 from numbers`);
  database.close();
  const child = spawn(process.execPath, run("account", "list"), {
    env: environment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithThisProcess(child);
  // The slow reader. The command has nothing else left to do.
  await eventually("some output", () => child.stdout.readableLength > 0, END_MS_MAX);
  await wait(1000);
  let text = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) text += String(chunk);
  assert.equal((JSON.parse(text) as unknown[]).length, 3001);
  assert.equal((await endOf(child)).status, 0);
});
