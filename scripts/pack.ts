/**
 * Makes a library's package.json the published one for as long as npm packs it: `prepack` and `postpack` call this.
 *
 *     node scripts/pack.ts before client
 *     node scripts/pack.ts after client
 *
 * In a checkout, `exports` names the source: tests, the other packages, tsc and the linters see what is being edited,
 * never a build that may be out of date. Node strips no types under node_modules, so a published package has to name
 * its build. npm can't do both. The alternatives are worse: every program that runs in a checkout would need a
 * condition of our own for the source, and that condition would name a file that isn't in the package; a separate
 * folder to publish from is easily forgotten by `npm pack --workspace …`. A program that imports the package while it
 * is packed gets the same code either way, because the build is new.
 *
 * The checkout's file is kept under node_modules/.cache. If a run is killed in between, the next one puts it back.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Manifest {
  exports: Record<string, unknown>;
  scripts?: unknown;
  devDependencies?: unknown;
}

const root = join(import.meta.dirname, "..");
const [step = "", name = ""] = process.argv.slice(2);
const manifest = join(root, "packages", name, "package.json");
const aside = join(root, "node_modules", ".cache", "countersign-pack", `${name}.package.json`);

if (!["before", "after"].includes(step) || !existsSync(manifest)) {
  process.stderr.write("usage: node scripts/pack.ts before|after <folder in packages>\n");
  process.exitCode = 2;
} else {
  restore();
  if (step === "before") {
    execFileSync(process.execPath, [join(root, "scripts", "build.ts"), name], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const text = readFileSync(manifest, "utf8");
    mkdirSync(dirname(aside), { recursive: true });
    writeWhole(aside, text);
    writeWhole(manifest, published(text));
  }
}

/** Puts the checkout's file back, unless that has happened already: it may have been edited since. */
function restore(): void {
  if (!existsSync(aside)) return;
  const text = readFileSync(aside, "utf8");
  if (readFileSync(manifest, "utf8") === published(text)) writeWhole(manifest, text);
  rmSync(aside);
}

/** The same package with its build for its source, and without what only a checkout can use. */
function published(text: string): string {
  const { scripts: _scripts, devDependencies: _devDependencies, ...rest } = JSON.parse(text) as Manifest;
  const exports = Object.entries(rest.exports).map(([path, target]): [string, unknown] => [path, builtTarget(target)]);
  return `${JSON.stringify({ ...rest, exports: Object.fromEntries(exports) }, null, 2)}\n`;
}

function builtTarget(target: unknown): unknown {
  const source = typeof target === "string" ? /^\.\/src\/(.+)\.ts$/.exec(target)?.[1] : undefined;
  return source === undefined ? target : { types: `./dist/${source}.d.ts`, default: `./dist/${source}.js` };
}

/** Writes the file in one step, so that no reader finds half of it. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
