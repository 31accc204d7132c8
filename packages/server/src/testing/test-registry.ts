import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createRegistryChanges, type RegistryChanges } from "./test-changes.ts";
import type { Store } from "../core/store/store.ts";
import { openSqliteStore } from "../storage/sqlite/open-sqlite-store.ts";
import { createTestClock, type TestClock } from "./test-clock.ts";

/** A new folder; {@link TemporaryFolder.remove} deletes it. */
export interface TemporaryFolder {
  readonly path: string;
  file(name: string): string;
  remove(): void;
}

const folders: string[] = [];

// A test that fails before it cleans up must not leave its folder.
process.once("exit", () => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

export function makeTemporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), "countersign-test-"));
  folders.push(path);
  return {
    path,
    file: (name) => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A registry on a SQLite file of its own. */
export interface TestRegistry {
  readonly store: Store;
  readonly clock: TestClock;
  readonly changes: RegistryChanges;
  /** Changes the file behind the store's back, as a restore or an intruder does. */
  rewrite(sql: string): void;
  /** Another connection to the same file, as another process would open it; closed by {@link close}. */
  connect(): Promise<Store>;
  close(): Promise<void>;
}

/** @param onChanged called after each commit of `changes`; the server's evicts its view there */
export async function openTestRegistry(
  onChanged?: () => Promise<void>,
  clock = createTestClock(),
): Promise<TestRegistry> {
  const folder = makeTemporaryFolder();
  const file = folder.file("countersign.db");
  const stores = [await openSqliteStore(file)] as [Store, ...Store[]];
  return {
    store: stores[0],
    clock,
    changes: createRegistryChanges(stores[0], clock, onChanged),
    rewrite(sql) {
      const database = new DatabaseSync(file);
      try {
        database.exec(sql);
      } finally {
        database.close();
      }
    },
    async connect() {
      const store = await openSqliteStore(file);
      stores.push(store);
      return store;
    },
    async close() {
      for (const store of stores) await store.close();
      folder.remove();
    },
  };
}
