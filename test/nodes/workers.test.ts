/**
 * One of several workers on a port is killed: no connection that was just being opened is lost, nor what the worker had
 * counted.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { startBusyClients } from "../testkit/busy-clients.ts";
import { childrenOf, isRunning } from "../testkit/processes.ts";
import { connectRaw } from "../../packages/server/src/testing/raw-http.ts";
import { startServer, type TestServer } from "../testkit/server.ts";

const WORKERS = 2;
const KILLS = 4;

/** Connections that are opened at the moment at which a worker is killed. */
const AT_ONCE = 40;

/** Connections that have to be answered, one after the other, before an older one counts as forgotten. */
const LATER = 100;

/** How long a connection that was accepted may wait, in milliseconds, though later ones have been answered. */
const FORGOTTEN_AFTER_MS = 20_000;

const REQUEST = "GET /api/auth/v0/check/ HTTP/1.1\r\nHost: countersign.test\r\nConnection: close\r\n\r\n";

async function startWorkers(t: TestContext): Promise<TestServer> {
  const server = await startServer({ flags: ["--workers", String(WORKERS), "--refusal-limit", "0"] });
  t.after(() => server.stop());
  return server;
}

/** Waits until both workers serve. @returns their process ids */
const everyWorker = (server: TestServer) =>
  eventually("every worker serves", () => {
    const workers = childrenOf(server.pid);
    const lines = server
      .stderr()
      .split("\n")
      .filter((line) => line.includes('"msg":"ready"'));
    const serves = (pid: number) => lines.some((line) => line.includes(`"worker":${pid},`));
    return workers.length === WORKERS && workers.every(serves) ? workers : undefined;
  });

/** Sends a request on a connection of its own. */
async function ask(server: TestServer): Promise<void> {
  const connection = await connectRaw(server.publicUrl);
  connection.write(REQUEST);
  assert.equal((await connection.answer()).status, 401);
  connection.end();
}

test("no connection is left without an answer or an end when a worker is killed", async (t) => {
  const server = await startWorkers(t);
  const { hostname, port } = new URL(server.publicUrl);
  const outcomes = { answered: 0, cut: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    const [killed = 0] = await everyWorker(server);
    let open = 0;
    /** Opens a connection that sends its request at once, as a client does. */
    const openOne = () => {
      open++;
      const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(REQUEST));
      let isAnswered = false;
      socket.on("data", () => {
        isAnswered = true;
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        open--;
        outcomes[isAnswered ? "answered" : "cut"]++;
      });
    };
    for (let at = 0; at < AT_ONCE / 2; at++) openOne();
    // Some of them are open now, and some are still being opened.
    await ask(server);
    for (let at = 0; at < AT_ONCE / 2; at++) openOne();
    process.kill(killed, "SIGKILL");
    for (let at = 0; at < AT_ONCE / 2; at++) openOne();
    for (let later = 0; later < LATER; later++) await ask(server).catch(() => undefined);
    await eventually("every connection has its answer or its end", () => open === 0, FORGOTTEN_AFTER_MS);
  }
  t.diagnostic(`${KILLS} workers killed: ${outcomes.answered} connections answered, ${outcomes.cut} cut off`);
  assert.ok(outcomes.answered > outcomes.cut);
});

test("a worker that is stopped on its own answers its requests, and is replaced", async (t) => {
  const server = await startWorkers(t);
  const { answered, failures, refused } = startBusyClients(server, 16);
  const [stopped = 0] = await everyWorker(server);
  await eventually("the clients are busy", () => answered.open > 200);
  process.kill(stopped, "SIGTERM");
  await eventually("another takes its place", async () => !(await everyWorker(server)).includes(stopped));
  const answeredBefore = answered.open;
  await eventually("the clients get answers again", () => answered.open > answeredBefore + 200);
  assert.deepEqual(failures, []);
  assert.deepEqual(await server.stop(), { status: 0, signal: null });
  await refused;
  assert.deepEqual(failures, []);
});

test("a worker that can't start for lack of descriptors is tried again, and the others serve meanwhile", async (t) => {
  const server = await startWorkers(t);
  const [killed = 0] = await everyWorker(server);
  const limitDescriptors = (max: number) => execFileSync("prlimit", [`--pid=${server.pid}`, `--nofile=${max}:`]);
  limitDescriptors(12);
  process.kill(killed, "SIGKILL");
  await eventually("one can't be started", () => server.stderr().includes("a worker can't be started"));
  await ask(server);
  limitDescriptors(1000);
  await everyWorker(server);
  assert.deepEqual(await server.stop(), { status: 0, signal: null });
});

test("workers stop even if one of them is stuck", async (t) => {
  const server = await startWorkers(t);
  const [stuck = 0, other = 0] = await everyWorker(server);
  const { answered, refused } = startBusyClients(server, 16);
  await eventually("the clients are busy", () => answered.open > 200);
  process.kill(stuck, "SIGSTOP");
  process.kill(server.pid, "SIGTERM");
  await eventually("the other has ended", () => !childrenOf(server.pid).includes(other));
  assert.ok(childrenOf(server.pid).includes(stuck));
  process.kill(stuck, "SIGCONT");
  await eventually("all have ended", () => !isRunning(server.pid));
  assert.deepEqual(await server.stop(), { status: 0, signal: null });
  await refused;
});

test("workers whose primary was killed answer their pending requests, and end", async (t) => {
  const server = await startWorkers(t);
  const workers = await everyWorker(server);
  const connections = await Promise.all(Array.from({ length: 8 }, () => connectRaw(server.publicUrl)));
  for (const connection of connections) {
    connection.write("POST /oauth2/token HTTP/1.1\r\nHost: countersign.test\r\n");
    connection.write("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 21\r\n\r\ngrant_type=");
  }
  // Both have their requests by then.
  for (let times = 0; times < 50; times++) await ask(server);
  await server.kill();
  await eventually("nothing listens any more", () =>
    ask(server).then(
      () => undefined,
      () => true,
    ),
  );
  for (const connection of connections) {
    connection.write("it_is_none");
    assert.equal((await connection.answer()).status, 400);
  }
  await eventually("the workers have ended", () => !workers.some(isRunning));
});

test("counters keep their values when a worker is killed", async (t) => {
  const server = await startWorkers(t);
  const figure = async (line: string) => {
    const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
    return Number(
      text
        .split("\n")
        .find((other) => other.startsWith(`${line} `))
        ?.split(" ")[1],
    );
  };
  const refusals = () => figure('countersign_refusals_total{route="check",code="authorization_missing"}');
  const requests = () => figure('countersign_request_duration_seconds_count{route="check"}');
  const everyRequestCounts = () =>
    eventually("every request is counted", async () => (await refusals()) === asked && (await requests()) === asked);
  let asked = 0;
  /** Often enough for both workers to answer some of them. */
  const askOften = async () => {
    for (let times = 0; times < 50; times++, asked++) await ask(server);
  };
  const workers = await everyWorker(server);
  await askOften();

  for (const pid of workers) {
    await everyRequestCounts();
    process.kill(pid, "SIGKILL");
    await eventually("the worker is gone", () => !childrenOf(server.pid).includes(pid));
    await everyRequestCounts();
    await everyWorker(server);
    await askOften();
  }
  await everyRequestCounts();
});

test("a worker that replaces a dead one doesn't begin an empty store if the data folder was emptied", async (t) => {
  const server = await startWorkers(t);
  const [killed = 0] = await everyWorker(server);
  for (const name of readdirSync(server.dataDir)) rmSync(join(server.dataDir, name));
  process.kill(killed, "SIGKILL");
  await eventually("the next one refuses to start", () => /there is no store in/.test(server.stderr()));
  assert.deepEqual(readdirSync(server.dataDir), []);
});
