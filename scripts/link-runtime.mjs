/**
 * Sees to it that node_modules/.bin/node is the Node that the lock file pins. `npm ci` and `npm install` run this (`prepare`).
 *
 * npm links the program itself. But the packages for other platforms have a program of the same name, and up to version 10 npm
 * removes that link again when it leaves them out. Everything after that would run on the system's Node, which may be too old.
 *
 * It is JavaScript, and not TypeScript as everything else, because that Node runs it.
 */
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const { platform, arch } = process;
const link = join("node_modules", ".bin", "node");
const runtime = [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`].find((name) =>
  existsSync(join("node_modules", name, "bin", "node")),
);
// Without it (npm ci --omit=optional, another platform), the system's Node is what there is.
if (runtime !== undefined && !existsSync(link)) {
  // A link whose target has gone.
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) rmSync(link);
  mkdirSync(join("node_modules", ".bin"), { recursive: true });
  symlinkSync(join("..", runtime, "bin", "node"), link);
}
