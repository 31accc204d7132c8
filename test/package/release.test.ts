/**
 * The release command: what it refuses, and what it makes, twice from clones in different folders. It publishes nothing, so
 * neither does this.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { findReleaseProblems, type ReleaseFacts } from "../../scripts/release/check-release.ts";
import { isAllowed, licenceTexts } from "../../scripts/release/licences.ts";
import { installedTree } from "../../scripts/release/locked-tree.ts";
import { HEAD, makeSnapshot } from "../testkit/release-snapshot.ts";
import { temporaryFolder } from "../testkit/server.ts";

const root = join(import.meta.dirname, "..", "..");

describe("what is released", () => {
  const good: ReleaseFacts = {
    versions: new Map([
      ["countersign", "1.2.0"],
      ["@countersign/client", "1.2.0"],
    ]),
    changelog: "# Changelog\n\n## 1.2.0 - 2026-11-28\n\n- Something.\n",
    tags: ["v1.2.0"],
    changedFiles: [],
  };

  test("passes with one version, a dated section, its tag and a clean tree", () => {
    assert.deepEqual(findReleaseProblems(good), []);
  });

  for (const [title, facts, says] of [
    ["a package of another version", { versions: new Map([...good.versions, ["x", "1.1.0"]]) }, /differ.*x 1\.1\.0/],
    ["no section in the changelog", { changelog: "## Unreleased\n## 1.2.01 - 2026-11-28" }, /no section "## 1\.2\.0/],
    ["a section without a date", { changelog: "## 1.2.0\n" }, /has no date/],
    ["a date that isn't one", { changelog: "## 1.2.0 - 2026-13-01\n" }, /has no date/],
    ["no tag", { tags: [] }, /isn't tagged v1\.2\.0$/],
    ["another tag", { tags: ["v1.3.0"] }, /isn't tagged v1\.2\.0, but v1\.3\.0/],
    ["uncommitted changes", { changedFiles: [" M README.md"] }, /uncommitted changes: {2}M README\.md/],
  ] as [string, Partial<ReleaseFacts>, RegExp][]) {
    test(`is refused with ${title}`, () => {
      const problems = findReleaseProblems({ ...good, ...facts });
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? "", says);
    });
  }

  test("has dependencies under listed licences only", () => {
    for (const expression of ["MIT", "(MIT OR GPL-3.0)", "MIT OR GPL-3.0", "MIT AND ISC"])
      assert.ok(isAllowed(expression));
    for (const expression of ["GPL-3.0", "MIT AND GPL-3.0", "", "none", "SEE LICENSE IN x"])
      assert.ok(!isAllowed(expression));
    const placed = {
      name: "copyleft",
      source: "node_modules/copyleft",
      locked: { version: "1.0.0", license: "AGPL-3.0" },
    };
    assert.throws(() => licenceTexts(root, [placed], ""), /copyleft@1\.0\.0 \(AGPL-3\.0\)/);
  });

  test("has the dependencies that npm would install: nested where versions differ, optional ones if they are locked", () => {
    const lock = {
      "packages/x/node_modules/a": { version: "2.0.0", dependencies: { b: "^1" } },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/b": { version: "1.0.0", dependencies: { a: "^1" }, optionalDependencies: { missing: "^1" } },
      "node_modules/dev": { version: "1.0.0", dev: true },
    };
    const tree = installedTree(lock, "packages/x", ["a"]);
    assert.deepEqual(
      [...tree].map(([path, { locked }]) => `${path} ${locked.version}`),
      ["node_modules/a 2.0.0", "node_modules/b 1.0.0", "node_modules/b/node_modules/a 1.0.0"],
    );
    assert.throws(() => installedTree(lock, "packages/x", ["c"]), /lacks c, which packages\/x needs/);
  });
});

test("the release command empties no folder that isn't an earlier release", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "thesis.txt"), "ten years of work");
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, "scripts", "release.ts"), "--snapshot", "--out", folder],
    { encoding: "utf8" },
  );
  assert.equal(status, 1);
  assert.match(stderr, /has files and isn't a release/);
  assert.deepEqual(readdirSync(folder), ["thesis.txt"]);
});

describe("the release command", () => {
  let first = "";
  let second = "";

  const read = (file: string) => readFileSync(join(first, file), "utf8");
  const listOf = (tarball: string) =>
    execFileSync("tar", ["-tzf", join(first, tarball)], { encoding: "utf8" }).split("\n");

  before(() => {
    first = makeSnapshot();
    second = makeSnapshot();
  });

  test("makes the same bytes from the same commit, in another folder and at another time", () => {
    assert.notEqual(first, second);
    assert.equal(read("SHA256SUMS"), readFileSync(join(second, "SHA256SUMS"), "utf8"));
  });

  test("lists the checksum of every other file", () => {
    const listed = read("SHA256SUMS")
      .trimEnd()
      .split("\n")
      .map((line) => line.split("  "));
    assert.deepEqual(
      listed.map(([, file]) => file),
      readdirSync(first).filter((file) => file !== "SHA256SUMS"),
    );
    for (const [sum, file = ""] of listed) {
      assert.equal(
        createHash("sha256")
          .update(readFileSync(join(first, file)))
          .digest("hex"),
        sum,
        file,
      );
    }
  });

  test("packs the three packages, and the source with all that an image is built from", () => {
    const [server = ""] = readdirSync(first).filter((file) => /^countersign-\d.*\.tgz$/.test(file));
    const files = listOf(server);
    for (const file of [
      "dist/main.js",
      "dist/COMMIT",
      "dist/THIRD-PARTY-LICENCES.txt",
      "man/countersign.1",
      "LICENSE",
    ]) {
      assert.ok(files.includes(`package/${file}`), file);
    }
    const packed = execFileSync("tar", ["-xzOf", join(first, server), "package/dist/COMMIT"], { encoding: "utf8" });
    assert.equal(packed, `${HEAD}\n`);
    for (const name of ["client", "verifier"]) {
      const [library = ""] = readdirSync(first).filter(
        (file) => file.startsWith(`countersign-${name}-`) && file.endsWith(".tgz"),
      );
      assert.ok(listOf(library).includes("package/dist/index.js"), name);
    }
    const [archive = ""] = readdirSync(first).filter((file) => file.endsWith("-source.tar.gz"));
    const source = listOf(archive).map((path) => path.replace(/^[^/]+\//, ""));
    for (const file of ["package-lock.json", "packages/server/src/main.ts", "scripts/build.ts", "LICENSE"]) {
      assert.ok(source.includes(file), file);
    }
    assert.ok(!source.some((file) => file.includes("node_modules/") || file.startsWith(".git/")));
  });

  test("lists what each package installs, in both formats, and names no registry", () => {
    for (const [file, name, some] of [
      [/^countersign-\d.*\.cdx\.json$/, "countersign", ["fastify", "pg", "kysely", "react"]],
      [/^countersign-client-.*\.cdx\.json$/, "@countersign/client", []],
      [/^countersign-verifier-.*\.cdx\.json$/, "@countersign/verifier", ["lru-cache", "eventsource-parser"]],
    ] as const) {
      const [cyclonedx = ""] = readdirSync(first).filter((each) => file.test(each));
      const bom = JSON.parse(read(cyclonedx)) as {
        bomFormat: string;
        serialNumber: string;
        metadata: { component: { name: string; "bom-ref": string } };
        components: { name: string; purl: string; "bom-ref": string; licenses: unknown[]; hashes: { alg: string }[] }[];
        dependencies: { ref: string; dependsOn: string[] }[];
      };
      assert.equal(bom.bomFormat, "CycloneDX");
      assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(bom.metadata.component.name, name);
      const purls = bom.components.map(({ purl }) => purl);
      for (const wanted of some)
        assert.ok(
          purls.some((purl) => purl.startsWith(`pkg:npm/${wanted}@`)),
          wanted,
        );
      assert.ok(
        !purls.some((purl) => /^pkg:npm\/(?:vite|typescript|rolldown|playwright-core)@/.test(purl)),
        "nothing that only builds",
      );
      const refs = new Set([
        bom.metadata.component["bom-ref"],
        ...bom.components.map((component) => component["bom-ref"]),
      ]);
      assert.ok(bom.dependencies.every(({ ref, dependsOn }) => [ref, ...dependsOn].every((each) => refs.has(each))));
      assert.ok(
        bom.components.every(
          ({ licenses, hashes }) => licenses.length > 0 && hashes.some(({ alg }) => alg === "SHA-512"),
        ),
      );

      const spdx = JSON.parse(read(cyclonedx.replace(".cdx.", ".spdx."))) as {
        spdxVersion: string;
        documentNamespace: string;
        packages: { SPDXID: string; licenseDeclared: string; downloadLocation: string }[];
        relationships: { spdxElementId: string; relatedSpdxElement: string }[];
      };
      assert.equal(spdx.spdxVersion, "SPDX-2.3");
      assert.match(spdx.documentNamespace, /^https:\/\/spdx\.org\/spdxdocs\/[\w%.-]+$/);
      assert.equal(spdx.packages.length, bom.components.length + 1);
      const ids = new Set(["SPDXRef-DOCUMENT", ...spdx.packages.map(({ SPDXID }) => SPDXID)]);
      assert.ok(spdx.relationships.every((each) => ids.has(each.spdxElementId) && ids.has(each.relatedSpdxElement)));
      assert.ok(spdx.packages.every(({ downloadLocation }) => downloadLocation === "NOASSERTION"));
    }
    const named = readdirSync(first).filter(
      (file) => /\.(?:json|txt)$/.test(file) && /registry\.|npmjs\./.test(read(file)),
    );
    assert.deepEqual(named, []);
  });

  test("has the text of every third party's licence", () => {
    const text = read("THIRD-PARTY-LICENCES.txt");
    for (const name of ["fastify", "pg", "react", "lru-cache"]) assert.match(text, new RegExp(`^${name}@\\d`, "m"));
    assert.match(text, /Permission is hereby granted, free of charge/);
  });
});
