import { readFileSync } from "node:fs";
import { join } from "node:path";
import { installedTree, type Lock, type PlacedPackage } from "./locked-tree.ts";

/** A published package. */
export interface PublishedPackage {
  /** Its folder below `packages`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly description?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The folders of the packages that are published, in the order of publication. */
export const PUBLISHED = ["client", "verifier", "server"] as const;

/** What builds the console and isn't in it. */
const CONSOLE_TOOLS = /^(?:@types\/|@vitejs\/|vite$)/;

export function readManifest(root: string, folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8")) as Manifest;
}

/** What is installed with a package. The console's libraries are inside the server's package, and count as well. */
export function productionTree(root: string, lock: Lock, { folder, manifest }: PublishedPackage): Tree {
  const own = installedTree(lock, `packages/${folder}`, Object.keys(manifest.dependencies ?? {}));
  return { installed: own, bundled: folder === "server" ? consoleTree(root, lock) : new Map() };
}

/** The libraries that the console's build contains. */
export function consoleTree(root: string, lock: Lock): ReadonlyMap<string, PlacedPackage> {
  const { devDependencies = {} } = readManifest(root, "console");
  const libraries = Object.keys(devDependencies).filter((name) => !CONSOLE_TOOLS.test(name));
  return installedTree(lock, "packages/console", libraries);
}

export interface Tree {
  readonly installed: ReadonlyMap<string, PlacedPackage>;
  readonly bundled: ReadonlyMap<string, PlacedPackage>;
}
