import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { createServiceManager, readNotifyEnvironment, type ServingState } from "./service-manager.ts";

const SOCKET = "/run/systemd/notify";

describe("the environment of a service manager", () => {
  for (const [name, environment, expected] of [
    ["without NOTIFY_SOCKET asks for nothing", { WATCHDOG_USEC: "1000000" }, undefined],
    ["with an empty one asks for nothing", { NOTIFY_SOCKET: "" }, undefined],
    ["without a watchdog", { NOTIFY_SOCKET: SOCKET }, undefined],
    ["with a watchdog for any process", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "30000000" }, 30_000],
    ["with a watchdog for this process", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "1", WATCHDOG_PID: "42" }, 0.001],
    ["with one for its launcher", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "5000", WATCHDOG_PID: "41" }, 5],
    ["with one for another process", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "5000", WATCHDOG_PID: "4" }, undefined],
    ["with a malformed time", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "1e9" }, undefined],
    ["with a negative time", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "-1" }, undefined],
    ["with a time that isn't a whole number", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "0.5" }, undefined],
    ["with a huge time", { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: "9".repeat(16) }, undefined],
  ] as const) {
    test(name, () => {
      const given = readNotifyEnvironment(environment, [42, 41]);
      const asks = "NOTIFY_SOCKET" in environment && environment.NOTIFY_SOCKET !== "";
      assert.deepEqual(given, asks ? { socket: SOCKET, watchdogMs: expected } : undefined);
    });
  }
});

describe("a service manager hears", () => {
  let sent: string[];
  let problems: unknown[];
  let send: (states: readonly string[]) => Promise<void>;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setInterval"] });
    sent = [];
    problems = [];
    send = async (states) => {
      sent.push(states.join(" "));
    };
  });
  afterEach(() => {
    mock.timers.reset();
  });

  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const open = (watchdogMs: number | undefined) =>
    createServiceManager(
      { watchdogMs },
      (states) => send(states),
      (problem) => problems.push(problem),
    );
  const serving = (state: Partial<ServingState> = {}): ServingState => ({
    status: "serving",
    isStuck: false,
    ...state,
  });

  async function pass(milliseconds: number): Promise<string[]> {
    mock.timers.tick(milliseconds);
    await settled();
    return sent.splice(0);
  }

  test("a request for more time every 10 s until the service is ready", async () => {
    const manager = open(undefined);
    assert.deepEqual(await pass(9_999), []);
    assert.deepEqual(await pass(1), ["EXTEND_TIMEOUT_USEC=60000000 STATUS=waiting for the store"]);
    assert.deepEqual(await pass(10_000), ["EXTEND_TIMEOUT_USEC=60000000 STATUS=waiting for the store"]);
    manager.ready(() => serving());
    assert.deepEqual(await pass(60_000), ["READY=1 STATUS=serving"]);
  });

  test("that the service is alive twice within the watchdog's time, and never while it is stuck", async () => {
    let state = serving();
    const manager = open(30_000);
    manager.ready(() => state);
    assert.deepEqual(await pass(14_999), ["READY=1 STATUS=serving"]);
    assert.deepEqual(await pass(1), ["WATCHDOG=1"]);
    state = serving({ isStuck: true });
    assert.deepEqual(await pass(15_000), []);
    assert.deepEqual(await pass(15_000), []);
    state = serving();
    assert.deepEqual(await pass(15_000), ["WATCHDOG=1"]);
  });

  test("nothing more often than every 24 days, however long the watchdog's time", async () => {
    const manager = open(99_999_999_999);
    manager.ready(() => serving());
    assert.deepEqual(await pass(1), ["READY=1 STATUS=serving"]);
    assert.deepEqual(await pass(1), []);
    assert.deepEqual(await pass(2 ** 31 - 3), ["WATCHDOG=1"]);
  });

  test("a status when it changes, also without a watchdog and of a stuck service", async () => {
    let state = serving();
    const manager = open(undefined);
    manager.ready(() => state);
    await pass(10_000);
    state = serving({ status: "not ready", isStuck: true });
    assert.deepEqual(await pass(10_000), ["STATUS=not ready"]);
    assert.deepEqual(await pass(10_000), []);
  });

  test("that the service stops, and that it is alive until its end", async () => {
    const manager = open(30_000);
    manager.ready(() => serving({ isStuck: true }));
    await pass(0);
    await manager.stopping();
    assert.deepEqual(await pass(0), ["STOPPING=1 STATUS=stopping"]);
    assert.deepEqual(await pass(15_000), ["WATCHDOG=1"]);
  });

  test("messages in their order, and none about health while one is under way", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    send = async (states) => {
      await promise;
      sent.push(states.join(" "));
    };
    const manager = open(1000);
    manager.ready(() => serving());
    assert.deepEqual(await pass(500), []);
    assert.deepEqual(await pass(500), []);
    const told = manager.stopping();
    assert.deepEqual(sent, []);
    resolve();
    await told;
    assert.deepEqual(sent, ["READY=1 STATUS=serving", "STOPPING=1 STATUS=stopping"]);
  });

  test("nothing where it can't be reached, which is reported once and harms nothing", async () => {
    const problem = new Error("no such socket");
    send = () => Promise.reject(problem);
    const manager = open(1000);
    manager.ready(() => serving());
    for (let count = 0; count < 3; count++) await pass(500);
    await manager.stopping();
    assert.deepEqual(problems, [problem]);
  });
});
