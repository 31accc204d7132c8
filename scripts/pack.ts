/**
 * Makes a library's package.json the published one for as long as npm packs it: `prepack` and `postpack` call this.
 *
 *     node scripts/pack.ts before client
 *     node scripts/pack.ts after client
 *
 * In a checkout, `exports` names the source, so that tests, the other packages, tsc and the linters all see what is
 * being edited, without a build that may be out of date. Under node_modules Node strips no types, so what is published
 * has to name the build. npm has no means for two answers, and the others are worse: a condition of our own for the
 * source must be given to every program that runs in a checkout, and would name a file that isn't in the package; a
 * folder to publish from is forgotten by whoever types `npm pack --workspace …`. Both files name the same code while it
 * is packed, because the build is new then: whoever imports the package at that moment notices nothing.
 *
 * The checkout's file is put aside under node_modules/.cache. A run that was killed in between is mended by the next
 * one.
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

/** Puts the checkout's file back, unless somebody did so meanwhile and may have gone on editing it. */
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

/** At once, so that no reader finds half of it. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
