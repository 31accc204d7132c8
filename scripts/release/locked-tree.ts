/**
 * Making a release: what `scripts/release.ts` puts together. Each file makes one kind of artefact; none of them publishes.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A package in package-lock.json. */
export interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly link?: boolean;
  readonly [member: string]: unknown;
}

/** The packages of a lock file by their folder; the root's is empty. */
export type Lock = Readonly<Record<string, LockedPackage>>;

/** A package that is installed with another one. */
export interface PlacedPackage {
  readonly name: string;
  /** Its folder in the lock file that was read. */
  readonly source: string;
  readonly locked: LockedPackage;
}

export function readLock(root: string): Lock {
  return (JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Lock }).packages;
}

/**
 * What npm would install with a workspace's package outside the workspace, in the versions of the lock file.
 *
 * @param folder the workspace's, such as `packages/server`
 * @param names its dependencies
 * @returns each package by the folder into which it goes
 * @throws if the lock file lacks one that isn't optional
 */
export function installedTree(
  lock: Lock,
  folder: string,
  names: readonly string[],
): ReadonlyMap<string, PlacedPackage> {
  const placed = new Map<string, PlacedPackage>();
  const waiting = names.toSorted().map((name) => ({ name, from: folder, parent: "", isOptional: false }));
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { name, from, parent, isOptional } = next;
    const source = candidates(from, name).find((path) => lock[path] !== undefined);
    const locked = source === undefined ? undefined : lock[source];
    if (source === undefined || locked === undefined) {
      if (isOptional) continue;
      throw new Error(`package-lock.json lacks ${name}, which ${from} needs`);
    }
    const found = candidates(parent, name).find((path) => placed.has(path));
    if (found !== undefined && placed.get(found)?.source === source) continue;
    // Another version is in the way, so this one goes into the folder of the package that needs it.
    const target = found === undefined ? `node_modules/${name}` : join(parent, "node_modules", name);
    placed.set(target, { name, source, locked });
    for (const { name: needed, isOptional: mayLack } of dependenciesOf(locked)) {
      waiting.push({ name: needed, from: source, parent: target, isOptional: mayLack });
    }
  }
  return placed;
}

function dependenciesOf(locked: LockedPackage): readonly { readonly name: string; readonly isOptional: boolean }[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = locked;
  const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
  return [
    ...Object.keys(dependencies).map((name) => ({ name, isOptional: false })),
    ...Object.keys(optionalDependencies).map((name) => ({ name, isOptional: true })),
    ...peers.map((name) => ({ name, isOptional: false })),
  ].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Where Node looks for a package that a module in `folder` imports, nearest first. */
function candidates(folder: string, name: string): readonly string[] {
  const paths: string[] = [];
  for (let at = folder; at !== "" && at !== "."; at = dirname(at)) {
    if (!at.endsWith("node_modules")) paths.push(join(at, "node_modules", name));
  }
  return [...paths, `node_modules/${name}`];
}
