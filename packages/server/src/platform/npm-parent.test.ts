import assert from "node:assert/strict";
import { test } from "node:test";
import { findPackageRunner, isChainWhole, type ProcessEntry } from "./npm-parent.ts";

/** A machine on which these processes run; process 20 started this one. */
function processes(entries: Readonly<Record<number, readonly [parentId: number, commandLine: string]>>) {
  return (id: number): ProcessEntry | undefined => {
    const [parentId, commandLine] = entries[id] ?? [];
    return parentId === undefined || commandLine === undefined ? undefined : { parentId, commandLine };
  };
}

const SHELL = "sh\0-c\0countersign serve\0";

test("npm is found as the parent, above a shell, and above the launcher that found a newer Node", () => {
  for (const [ancestors, entries] of [
    [[20], { 20: [1, "npm exec countersign serve\0\0\0"] }],
    [[20], { 20: [1, "node\0/usr/lib/node_modules/npm/bin/npx-cli.js\0countersign\0"] }],
    [[20], { 20: [1, "/usr/bin/node\0/usr/lib/pnpm/bin/pnpm.cjs\0start\0"] }],
    [[20, 10], { 20: [10, SHELL], 10: [9, "npm run start"], 9: [1, "bash"] }],
    [
      [20, 15, 10],
      { 20: [15, "/usr/bin/node\0/app/node_modules/.bin/countersign\0serve\0"], 15: [10, SHELL], 10: [1, "npm start"] },
    ],
  ] as const) {
    assert.deepEqual(findPackageRunner(20, processes(entries)), ancestors);
  }
});

test("a service that npm didn't start, or that was put into the background, has no parent to watch", () => {
  for (const entries of [
    { 20: [1, "-bash"], 1: [0, "/sbin/init"] },
    { 20: [1, "/usr/lib/systemd/systemd\0--user\0"] },
    { 20: [0, "/sbin/docker-init\0--\0"] },
    { 20: [10, "node\0/home/npm/node_modules/pm2/lib/Daemon.js\0"], 10: [1, "npm run deploy"] },
    // A worker: its parent is the primary process, which watches for all workers.
    { 20: [10, "node\0/app/src/main.ts\0serve\0"], 10: [1, "npm start"] },
    { 20: [10, SHELL], 10: [9, "/usr/sbin/cron"] },
    {},
  ] as const) {
    assert.deepEqual(findPackageRunner(20, processes(entries as never)), []);
  }
  assert.deepEqual(findPackageRunner(0, processes({})), [], "the first process of a container");
});

test("the chain is broken as soon as any process in it has ended", () => {
  const ancestors = [20, 15, 10];
  const whole = { 20: [15, "node"], 15: [10, SHELL], 10: [1, "npm start"] } as const;
  assert.ok(isChainWhole(ancestors, 20, processes(whole)));
  assert.ok(!isChainWhole(ancestors, 1, processes(whole)), "the parent ended");
  assert.ok(!isChainWhole(ancestors, 20, processes({ ...whole, 15: [1, SHELL] })), "npm ended");
  assert.ok(!isChainWhole(ancestors, 20, processes({ ...whole, 20: [1, "node"] })), "the shell ended");
  assert.ok(isChainWhole(ancestors, 20, processes({ ...whole, 10: [1, "npm start"] })), "npm's own parent may end");
  assert.ok(
    isChainWhole(ancestors, 20, () => undefined),
    "a process that can't be read at the moment counts as running",
  );
});
