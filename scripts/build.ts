/**
 * Builds what is published: JavaScript and types under packages/<folder>/dist, and the console under packages/server/console.
 *
 *     node scripts/build.ts                  the server, the client and the verifier
 *     node scripts/build.ts client           one of them
 *
 * A checkout runs TypeScript as it is, but type stripping doesn't work under node_modules. The protocol package is
 * small and not published on its own yet, so its build travels inside of each, and imports of it are pointed there.
 */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const PUBLISHED = ["server", "client", "verifier"];
const PROTOCOL = "@countersign/protocol";

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !PUBLISHED.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`build: ${unknown.join(", ")}: no such package; there are ${PUBLISHED.join(", ")}\n`);
  process.exitCode = 2;
} else for (const name of wanted.length > 0 ? wanted : PUBLISHED) build(name);

/** Builds one package anew: nothing of a file that is gone stays behind. */
function build(name: string): void {
  const dist = join(root, "packages", name, "dist");
  rmSync(dist, { recursive: true, force: true });
  // The console's files travel in the server's package, beside its JavaScript.
  if (name === "server") {
    execFileSync("npm", ["run", "build", "--silent", "-w", "@countersign/console"], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
  }
  // The protocol first: the package is compiled against its types.
  compile("tsconfig.build-protocol.json", "--outDir", join(dist, "protocol"));
  compile(`tsconfig.build-${name}.json`);
  for (const file of globSync(["**/*.js", "**/*.d.ts"], { cwd: dist })) {
    const path = join(dist, file);
    const target = `${relative(dirname(path), join(dist, "protocol")) || "."}/index.js`;
    const specifier = target.startsWith(".") ? target : `./${target}`;
    const text = readFileSync(path, "utf8");
    const built = text
      .replaceAll(`"${PROTOCOL}"`, `"${specifier}"`)
      // tsc writes .js into JavaScript, but leaves .ts in types, where only some tools understand it.
      .replaceAll(/(from |import\()"(\.\.?\/[^"]+)\.ts"/g, '$1"$2.js"');
    if (built !== text) writeFileSync(path, built);
  }
}

function compile(project: string, ...options: string[]): void {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", project, ...options], { cwd: root, stdio: "inherit" });
}
