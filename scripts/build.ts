/**
 * Builds the package `countersign` for publishing: JavaScript and types under packages/server/dist.
 *
 * A checkout runs TypeScript as it is, but type stripping doesn't work under node_modules. The protocol package is small and
 * not published on its own yet, so its build travels inside, and imports of it are pointed there.
 */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "packages", "server", "dist");
const PROTOCOL = "@countersign/protocol";

rmSync(dist, { recursive: true, force: true });
compile("tsconfig.build-protocol.json");
compile("tsconfig.build-server.json");
for (const file of globSync(["**/*.js", "**/*.d.ts"], { cwd: dist })) {
  const path = join(dist, file);
  const target = `${relative(dirname(path), join(dist, "protocol")) || "."}/index.js`;
  const specifier = target.startsWith(".") ? target : `./${target}`;
  const text = readFileSync(path, "utf8");
  if (text.includes(PROTOCOL)) writeFileSync(path, text.replaceAll(`"${PROTOCOL}"`, `"${specifier}"`));
}

function compile(project: string): void {
  execFileSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", project], {
    cwd: root,
    stdio: "inherit",
  });
}
