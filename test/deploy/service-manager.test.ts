/** What the service tells its service manager, received by a socket of the tests in systemd's place. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { eventually } from "../testkit/eventually.ts";
import { childrenOf, isRunning } from "../testkit/processes.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { endWithThisProcess } from "../testkit/run-program.ts";
import { startServer, temporaryFolder } from "../testkit/server.ts";

const RECEIVER = fileURLToPath(new URL("../testkit/notify-receiver.py", import.meta.url));

const missing = await findMissing({
  name: "systemd-notify, or Python",
  debianPackages: "systemd python3",
  probes: [
    ["systemd-notify", "--version"],
    ["python3", "--version"],
  ],
});

interface Message {
  readonly states: readonly string[];
  /** At `READY=1`: whether each port accepts connections. */
  readonly accepts?: readonly boolean[];
}

async function receive(address: string, ports: readonly number[] = []): Promise<{ messages(): readonly Message[] }> {
  const child = spawn("python3", [RECEIVER, address, ...ports.map(String)], { stdio: ["ignore", "pipe", "inherit"] });
  endWithThisProcess(child);
  after(() => child.kill());
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  (child.stdout as Socket).unref();
  child.unref();
  const lines = () => output.split("\n").slice(0, -1);
  await eventually("the receiver listens", () => lines().length > 0);
  return {
    messages: () =>
      lines()
        .slice(1)
        .map((line) => JSON.parse(line) as Message),
  };
}

if (missing !== undefined && IS_CI) test("systemd-notify", () => assert.fail(missing));
else describe("a service manager", { skip: missing ?? false, concurrency: true }, notify);

function notify(): void {
  for (const [kind, address] of [
    ["a path", join(temporaryFolder(), "notify")],
    ["an abstract address", `@countersign-${randomBytes(8).toString("hex")}`],
  ] as const) {
    test(`at ${kind} hears that the service is ready, alive and stopping, in this order`, async () => {
      const ports = [await reservePort(), await reservePort()];
      const receiver = await receive(address, ports);
      const server = await startServer({
        env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "500000" },
        flags: ["--port", String(ports[0]), "--admin-port", String(ports[1])],
      });
      const pings = () => receiver.messages().filter(({ states }) => states.includes("WATCHDOG=1")).length;
      await eventually("the service is alive", () => pings() >= 3);
      assert.deepEqual(await server.stop(), { status: 0, signal: null });
      const messages = await eventually("the service stops", () => {
        const heard = receiver.messages();
        return heard.some(({ states }) => states.includes("STOPPING=1")) ? heard : undefined;
      });
      // On a slow machine the service asks for more time first, and its view of the registry may be late for a moment.
      const ready = messages.find(({ states }) => states.includes("READY=1"));
      assert.deepEqual([ready?.states[0], ready?.accepts], ["READY=1", [true, true]]);
      assert.ok(messages.some(({ states }) => states.includes(`STATUS=serving ${server.publicUrl}`)));
      const stopping = messages.findIndex(({ states }) => states.includes("STOPPING=1"));
      assert.deepEqual(messages[stopping]?.states, ["STOPPING=1", "STATUS=stopping"]);
      assert.ok(messages.slice(0, stopping).every(({ states }) => !states.includes("STATUS=stopping")));
      assert.doesNotMatch(server.stderr(), /service manager/);
    });
  }

  test("hears the supervisor of several workers, which replaces a stuck one and stays alive", async () => {
    const address = join(temporaryFolder(), "notify");
    const receiver = await receive(address);
    // A worker is silent for three intervals of 3 s before it counts as stuck; a healthy one sends something every second.
    const server = await startServer({
      env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "6000000" },
      flags: ["--workers", "2"],
    });
    const heard = (state: string) => receiver.messages().filter(({ states }) => states.includes(state)).length;
    await eventually("the service is ready", () => heard("READY=1") === 1);
    const [stuck, healthy] = childrenOf(server.pid) as [number, number];
    process.kill(stuck, "SIGSTOP");
    await eventually("the stuck worker is replaced", () => !isRunning(stuck) && childrenOf(server.pid).length >= 2);
    assert.match(server.stderr(), new RegExp(`"pid":${stuck},"msg":"a worker is stuck and is killed"`));
    assert.ok(isRunning(healthy), "the other worker wasn't touched");
    const alive = heard("WATCHDOG=1");
    await eventually("the service is alive", () => heard("WATCHDOG=1") > alive);
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
    await eventually("the service stops", () => heard("STOPPING=1") === 1);
    assert.equal(heard("READY=1"), 1);
  });

  test("hears which listener workers serve that have only the internal one", async () => {
    const address = join(temporaryFolder(), "notify");
    const receiver = await receive(address);
    const server = await startServer({
      env: { NOTIFY_SOCKET: address },
      flags: ["--workers", "2", "--listen-only", "internal"],
    });
    const ready = await eventually("the service is ready", () =>
      receiver.messages().find(({ states }) => states.includes("READY=1")),
    );
    assert.deepEqual(ready.states, ["READY=1", `STATUS=serving ${server.adminUrl} by 2 of 2 workers`]);
    await server.stop();
  });

  test("that can't be reached is mentioned once in the log, and the service serves", async () => {
    const server = await startServer({
      env: { NOTIFY_SOCKET: join(temporaryFolder(), "nobody"), WATCHDOG_USEC: "1000" },
    });
    const warnings = () => server.stderr().match(/the service manager can't be told/g) ?? [];
    await eventually("the log says so", () => warnings().length > 0);
    assert.equal((await fetch(`${server.publicUrl}/readyz`)).status, 200);
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
    assert.equal(warnings().length, 1);
  });
}
