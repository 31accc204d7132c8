/**
 * A server whose wall clock is set, or whose machine sleeps: it reports that, and gives no stale yes. A preloaded
 * module moves only the process's wall clock, which is the effect of both.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connectClient } from "../testkit/api-client.ts";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { eventually } from "../testkit/eventually.ts";
import { pausePostgres, startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { createApiUser, startServer, type TestServer } from "../testkit/server.ts";

/** Moves the process's wall clock by so many milliseconds at each SIGUSR2, and reports that on standard error. */
const movingBy = (ms: number) => ({
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(
    `const now=Date.now;let ms=0;process.on("SIGUSR2",()=>{ms+=${ms};process.stderr.write("moved\\n")});Date.now=()=>now()+ms`,
  )}`,
});

async function figure({ adminUrl }: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const [, value = ""] = new RegExp(`^${name} (\\S+)$`, "m").exec(text) ?? [];
  return Number(value);
}

test("a wall clock that is set leaves one line in the log, and shows in the metrics", async (t) => {
  const server = await startServer({ env: movingBy(-3_600_000) });
  t.after(() => server.stop());
  assert.equal(await figure(server, "countersign_clock_steps_total"), 0);
  process.kill(server.pid, "SIGUSR2");
  await eventually("it is noticed", async () => (await figure(server, "countersign_clock_steps_total")) === 1);
  assert.ok(Math.abs((await figure(server, "countersign_clock_step_seconds")) + 3600) < 5);
  const lines = server
    .stderr()
    .split("\n")
    .filter((line) => line.includes("the wall clock moved"));
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /"step_seconds":-3(600|599)/);
});

describe("on PostgreSQL", { concurrency: 1 }, () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.stop());

  async function startNode(ms: number): Promise<TestServer> {
    return startServer({ env: { COUNTERSIGN_DATABASE_URL: await postgres.createDatabase(), ...movingBy(ms) } });
  }

  test("a node that slept, and wakes without its database, gives no stale yes", async (t) => {
    const server = await startNode(10_000);
    t.after(() => server.stop());
    const { username, privateKeyFile } = await createApiUser(server);
    const client = await connectClient(server.publicUrl, username, createPrivateKey(readFileSync(privateKeyFile)));
    const token = await client.token();
    assert.equal((await client.check(token)).status, 200);
    const resume = pausePostgres(postgres);
    try {
      process.kill(server.pid, "SIGUSR2");
      await eventually("the clock has moved", () => server.stderr().includes("moved\n"));
      assert.equal((await client.check(token)).status, 503);
      assert.equal((await client.exchange()).status, 503);
    } finally {
      resume();
    }
    await eventually("it answers again", async () => (await client.check(token)).status === 200);
    client.connection.end();
  });

  test("a node whose clock differs from the database's reports it, and isn't ready if it differs by more than assertions may", async (t) => {
    const server = await startNode(45_000);
    t.after(() => server.stop());
    const readiness = async () => {
      const answer = await fetch(`${server.publicUrl}/readyz`);
      return { code: answer.status, ...((await answer.json()) as { degraded?: string; reason?: string }) };
    };
    process.kill(server.pid, "SIGUSR2");
    const degraded = await eventually("it reports the difference", async () => {
      const state = await readiness();
      return state.degraded === undefined ? undefined : state;
    });
    assert.equal(degraded.code, 200);
    assert.match(degraded.degraded ?? "", /^this machine's clock is 4[0-9] s ahead of the database's$/);
    assert.ok(Math.abs((await figure(server, "countersign_database_clock_offset_seconds")) - 45) < 10);
    process.kill(server.pid, "SIGUSR2");
    const unready = await eventually("it isn't ready", async () => {
      const state = await readiness();
      return state.code === 503 && state.reason?.includes("clock") === true ? state : undefined;
    });
    assert.match(unready.reason ?? "", /^this machine's clock is [89][0-9] s ahead of the database's$/);
    await eventually("the log has it", () => server.stderr().includes("and the database's differ"));
  });
});
