import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRegistryChanges, type RegistryChanges } from "../core/registry/changes.ts";
import type { RegistryStore } from "../core/registry/store.ts";
import { openSqliteStore } from "../storage/sqlite/open-sqlite-store.ts";
import { createTestClock, type TestClock } from "./test-clock.ts";

/** A new folder that goes away with {@link TemporaryFolder.remove}. */
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
  /** For what happens behind the store's back. */
  readonly file: string;
  readonly store: RegistryStore;
  readonly clock: TestClock;
  readonly changes: RegistryChanges;
  /** Another connection to the same file, as another process would open it; closed by {@link close}. */
  connect(): Promise<RegistryStore>;
  close(): Promise<void>;
}

/** @param onChanged called after each commit of `changes`; the server's evicts its view there */
export async function openTestRegistry(
  onChanged?: () => Promise<void>,
  clock = createTestClock(),
): Promise<TestRegistry> {
  const folder = makeTemporaryFolder();
  const file = folder.file("countersign.db");
  const stores = [await openSqliteStore(file)] as [RegistryStore, ...RegistryStore[]];
  return {
    file,
    store: stores[0],
    clock,
    changes: createRegistryChanges(stores[0], clock, onChanged),
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
