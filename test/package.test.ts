import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

const root = join(import.meta.dirname, "..");

/** Licences under which a dependency of the published package may come. */
const LICENCES = ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0"];

interface LockedPackage {
  readonly resolved?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  packages: Record<string, LockedPackage>;
};

describe("the dependencies", () => {
  test("are locked without the addresses they were downloaded from", () => {
    const withAddress = Object.entries(lock.packages).filter(([, { resolved }]) => /^[a-z+]+:/.test(resolved ?? ""));
    assert.deepEqual(withAddress, []);
  });

  test("that are installed with the server come under permissive licences and without install scripts", () => {
    const runtime = Object.entries(lock.packages).filter(
      ([path, { dev, link }]) => path.startsWith("node_modules/") && dev !== true && link !== true,
    );
    assert.ok(runtime.length > 20);
    for (const [path, { license = "none", hasInstallScript }] of runtime) {
      assert.ok(
        license
          .replaceAll(/[()]/g, "")
          .split(" OR ")
          .some((name) => LICENCES.includes(name)),
        `${path} is under ${license}`,
      );
      assert.notEqual(hasInstallScript, true, `${path} has an install script`);
    }
  });
});

describe("the published package", () => {
  const skip = process.env["CI"] === undefined && "it installs packages: CI=true npm test runs it";

  for (const major of ["24", "26"]) {
    test(`installs into an empty folder and tells its story on plain Node ${major}`, { skip }, () => {
      const folder = mkdtempSync(join(tmpdir(), "countersign-package-"));
      try {
        const inFolder = (program: string, words: string[]) =>
          execFileSync(program, words, {
            cwd: folder,
            encoding: "utf8",
            stdio: ["ignore", "pipe", "pipe"],
            env: { ...process.env, PATH: `${join(folder, "node_modules", ".bin")}:/usr/local/bin:/usr/bin:/bin` },
          });
        execFileSync("npm", ["pack", "--workspace", "countersign", "--pack-destination", folder], {
          cwd: root,
          stdio: ["ignore", "ignore", "pipe"],
        });
        const [tarball = ""] = globSync("*.tgz", { cwd: folder });
        // Unpacked, every file that isn't built, its licence or its readme is one too many.
        const files = inFolder("tar", ["tf", tarball]).trim().split("\n");
        const strays = files.filter(
          (file) =>
            !/^package\/(dist\/.*\.(js|d\.ts)|bin\/countersign\.js|package\.json|README\.md|LICENSE)$/.test(file),
        );
        assert.deepEqual(strays, []);
        assert.deepEqual(
          files.filter((file) => /test|testing/.test(file)),
          [],
        );

        writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, allowScripts: { node: true } }));
        inFolder("npm", ["install", "--no-audit", "--no-fund", `./${tarball}`, `node@${major}`]);
        assert.match(inFolder("node", ["--version"]), new RegExp(`^v${major}\\.`));
        const story = inFolder("countersign", ["demo", "--exit"]);
        assert.match(story, /key_deactivated/);
        assert.match(story, /Every step did what it says\.\n$/);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
