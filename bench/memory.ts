/**
 * What a million revoked tokens and a million used assertions cost: memory of the deny-list, time and size of the
 * store. Each measurement runs in a process of its own, and collects garbage before each reading.
 */
import { randomInt, randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { fork } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createDenyList } from "../packages/server/src/core/token/deny-list.ts";
import { createTestClock } from "../packages/server/src/testing/test-clock.ts";
import { makeTemporaryFolder } from "../packages/server/src/testing/test-registry.ts";
import { createRegistryChanges } from "../packages/server/src/testing/test-changes.ts";
import { openRegistryView } from "../packages/server/src/core/view/view.ts";
import { openSqliteStore } from "../packages/server/src/storage/sqlite/open-sqlite-store.ts";

const ENTRIES = 1_000_000;
const BATCH = 500;
/** Lifetimes spread like those of real tokens. */
const TTL_SECONDS_MAX = 43_200;

const measurements = { denyList, usedAssertions };
const [which] = process.argv.slice(2);
if (which === undefined) {
  for (const name of Object.keys(measurements)) {
    await new Promise((resolve) => fork(import.meta.filename, [name]).once("exit", resolve));
  }
} else {
  await measurements[which as keyof typeof measurements]();
}

function residentMiB(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().rss / 2 ** 20;
}

async function denyList(): Promise<void> {
  const before = residentMiB();
  const list = createDenyList();
  for (let entry = 0; entry < ENTRIES; entry++) {
    list.add({ keyId: randomInt(1, 10_000), nonce: randomInt(2 ** 32), expiresAtSeconds: randomInt(TTL_SECONDS_MAX) });
  }
  const after = residentMiB();
  const startedAt = performance.now();
  let found = 0;
  for (let asked = 0; asked < ENTRIES; asked++) {
    const token = { keyId: 1 + (asked % 9999), nonce: asked, expiresAtSeconds: asked % TTL_SECONDS_MAX };
    if (list.has(token)) found++;
  }
  const nanoseconds = ((performance.now() - startedAt) * 1e6) / ENTRIES;
  print("deny-list", {
    entries: list.size,
    mib: Math.round(after - before),
    ns_per_question: Math.round(nanoseconds),
    found,
  });
}

async function usedAssertions(): Promise<void> {
  const folder = makeTemporaryFolder();
  const file = folder.file("countersign.db");
  const store = await openSqliteStore(file);
  const changes = createRegistryChanges(store, createTestClock());
  await changes.createAccount("bench", { shortname: "bench" });
  const user = await changes.createUser("bench", { name: "bench", account: "bench", access: "full" });
  const before = residentMiB();
  const startedAt = performance.now();
  for (let entry = 0; entry < ENTRIES; entry += BATCH) {
    await store.assertions.use(
      Array.from({ length: BATCH }, () => ({
        userId: user.id,
        jtiHash: Buffer.from(randomUUID().replaceAll("-", "").repeat(2), "hex").toString("base64url"),
        expiresAtSeconds: 3600,
      })),
    );
  }
  const perSecond = ENTRIES / ((performance.now() - startedAt) / 1000);
  const megabytes = statSync(join(folder.path, "countersign.db")).size / 2 ** 20;
  print("used assertions in SQLite", {
    entries: ENTRIES,
    process_mib: Math.round(residentMiB() - before),
    store_mib: Math.round(megabytes),
    per_second_in_batches_of_500: Math.round(perSecond),
  });
  await openRegistryView(store, createTestClock());
  await store.close();
  folder.remove();
}

function print(what: string, figures: object): void {
  process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`);
}
