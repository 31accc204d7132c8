/** scripts/link-runtime.mjs: a checkout runs on the pinned Node, whichever npm has installed it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../testkit/server.ts";

const root = join(import.meta.dirname, "..", "..");

/** Runs the script in a folder. @returns where its node_modules/.bin/node leads, if there is one */
function linked(folder: string): string | undefined {
  execFileSync(process.execPath, [join(root, "scripts", "link-runtime.mjs")], { cwd: folder });
  const link = join(folder, "node_modules", ".bin", "node");
  return existsSync(link) ? readlinkSync(link) : undefined;
}

function install(folder: string, name: string): void {
  mkdirSync(join(folder, "node_modules", name, "bin"), { recursive: true });
  writeFileSync(join(folder, "node_modules", name, "bin", "node"), "");
}

test("a runtime that npm didn't link is linked, as is one whose link leads nowhere", () => {
  const { platform, arch } = process;
  for (const name of [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`]) {
    const folder = temporaryFolder();
    install(folder, name);
    assert.equal(linked(folder), join("..", name, "bin", "node"));
    const moved = temporaryFolder();
    install(moved, name);
    mkdirSync(join(moved, "node_modules", ".bin"));
    symlinkSync("../node/bin/node", join(moved, "node_modules", ".bin", "node"));
    assert.equal(linked(moved), join("..", name, "bin", "node"));
  }
});

test("a link that npm made stays, and without a runtime there is none", () => {
  const folder = temporaryFolder();
  assert.equal(linked(folder), undefined);
  install(folder, "node");
  install(folder, `node-${process.platform}-${process.arch}`);
  mkdirSync(join(folder, "node_modules", ".bin"));
  symlinkSync("../node/bin/node", join(folder, "node_modules", ".bin", "node"));
  assert.equal(linked(folder), "../node/bin/node");
});

test("npm runs it before anything that needs the runtime", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { prepare: string } };
  assert.match(scripts.prepare, /^node scripts\/link-runtime\.mjs && /);
});
