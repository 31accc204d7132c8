/**
 * Makes everything that a release has, in `release/<version>`:
 *
 *     npm run release                  from a tagged commit; refuses what can't be released
 *     npm run release -- --snapshot    the same files from any state, to look at or to test
 *     npm run release -- --out DIR     somewhere else
 *
 * The packages, the source (which is also what the container image is built from), a bill of materials for each package in
 * two formats, the licences of third parties, and SHA256SUMS. The same commit gives the same bytes on any machine with the
 * same npm. Nothing is published: `.github/workflows/release.yml` does that.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { findReleaseProblems } from "./release/check-release.ts";
import { licenceTexts } from "./release/licences.ts";
import { readLock } from "./release/locked-tree.ts";
import { productionTree, PUBLISHED, readManifest } from "./release/packages.ts";
import { makeSbom } from "./release/sbom.ts";

const root = join(import.meta.dirname, "..");

/** The modes of the packed files come from the checkout's. */
process.umask(0o022);

const { values } = parseArgs({ options: { out: { type: "string" }, snapshot: { type: "boolean", default: false } } });
const packages = PUBLISHED.map((folder) => ({ folder, manifest: readManifest(root, folder) }));
const version = packages[0]?.manifest.version ?? "";
const problems = findReleaseProblems({
  versions: new Map(
    ["package.json", ...readdirSync(join(root, "packages")).map((folder) => `packages/${folder}/package.json`)]
      .map((file) => JSON.parse(readFileSync(join(root, file), "utf8")) as { name: string; version?: string })
      .flatMap(({ name, version: each }) => (each === undefined ? [] : [[name, each] as const])),
  ),
  changelog: readFileSync(join(root, "CHANGELOG.md"), "utf8"),
  tags: lines(git("tag", "--points-at", "HEAD")),
  changedFiles: lines(git("status", "--porcelain")),
});
for (const problem of problems)
  process.stderr.write(`release: ${values.snapshot ? "snapshot in spite of: " : ""}${problem}\n`);
if (problems.length > 0 && !values.snapshot) process.exitCode = 1;
else makeRelease(resolve(values.out ?? join(root, "release", version)));

/** @param folder made anew: it must be empty, missing, or an earlier release */
function makeRelease(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, "SHA256SUMS"))) {
    process.stderr.write(`release: ${folder} has files and isn't a release; name another folder\n`);
    process.exitCode = 1;
    return;
  }
  const commit = git("rev-parse", "HEAD").trim();
  // The convention of reproducible-builds.org: the time in a build is the source's.
  const seconds = process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct").trim();
  const source = { commit, date: new Date(Number(seconds) * 1000) };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const lock = readLock(root);
  const trees = packages.map((published) => ({ published, tree: productionTree(root, lock, published) }));

  for (const { published, tree } of trees) {
    const tarball = pack(published.manifest.name, folder, commit);
    const { cyclonedx, spdx } = makeSbom(folder, published, tree, source);
    const stem = join(folder, tarball.replace(/\.tgz$/, ""));
    writeFileSync(`${stem}.cdx.json`, cyclonedx);
    writeFileSync(`${stem}.spdx.json`, spdx);
  }
  const thirdParties = trees.flatMap(({ tree }) => [...tree.installed.values(), ...tree.bundled.values()]);
  writeFileSync(
    join(folder, "THIRD-PARTY-LICENCES.txt"),
    licenceTexts(root, thirdParties, `What is installed with Countersign ${version}, and under which licences`),
  );
  writeFileSync(join(folder, `countersign-${version}-source.tar.gz`), packSource(commit));

  const files = readdirSync(folder).toSorted();
  const sums = files.map(
    (file) =>
      `${createHash("sha256")
        .update(readFileSync(join(folder, file)))
        .digest("hex")}  ${file}\n`,
  );
  writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
  process.stdout.write(`${[...files, "SHA256SUMS"].map((file) => join(folder, file)).join("\n")}\n`);
}

/** Packs a workspace as publishing does. @returns the tarball's name */
function pack(name: string, folder: string, commit: string): string {
  const before = new Set(readdirSync(folder));
  execFileSync("npm", ["pack", "--silent", "--workspace", name, "--pack-destination", folder], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, SOURCE_COMMIT: commit },
  });
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz") && !before.has(file));
  if (tarball === undefined) throw new Error(`npm packed nothing of ${name}`);
  return tarball;
}

/** What git has at the commit, in one folder, with the commit's time. */
function packSource(commit: string): Buffer {
  const tar = execFileSync("git", ["archive", "--format=tar", `--prefix=countersign-${version}/`, commit], {
    cwd: root,
    maxBuffer: 512 * 1024 * 1024,
  });
  return gzipSync(tar, { level: 9 });
}

function git(...args: string[]): string {
  if (!existsSync(join(root, ".git"))) throw new Error("a release is made from a git checkout");
  return execFileSync("git", args, { cwd: root, encoding: "utf8" });
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
