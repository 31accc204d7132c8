/** The workflows in .github as far as they can be checked without the service that runs them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";

const root = join(import.meta.dirname, "..", "..");

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly uses?: string;
  readonly steps?: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly needs?: string | readonly string[];
  readonly "timeout-minutes"?: number;
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** What a job of the release may do besides reading. */
const PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  check: [],
  build: ["attestations", "id-token"],
  npm: ["id-token"],
  image: ["attestations", "id-token", "packages"],
  publish: ["contents"],
};

const files = globSync(".github/workflows/*.yml", { cwd: root }).toSorted();
const read = (file: string) => readFileSync(join(root, file), "utf8");

describe("the workflows", () => {
  test("are those for changes and for releases", () => {
    assert.deepEqual(files, [".github/workflows/ci.yml", ".github/workflows/release.yml"]);
  });

  for (const file of files) {
    const workflow = parse(read(file), { version: "1.2" }) as Workflow;
    const steps = Object.values(workflow.jobs).flatMap(({ steps: own = [] }) => own);

    test(`${file}: each action is pinned by a commit, with its version beside it`, () => {
      for (const [line] of read(file).matchAll(/^.*\buses: (?!\.\/).*$/gm)) {
        assert.match(line, /uses: [\w-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      }
      assert.ok(steps.some(({ uses }) => uses !== undefined));
    });

    test(`${file}: a script gets no text that others write, and is valid`, () => {
      for (const { run } of steps) {
        if (run === undefined) continue;
        assert.doesNotMatch(run, /\$\{\{/, "an expression in a script runs as part of it");
        execFileSync("bash", ["-n", "-c", run]);
      }
      assert.ok(!Object.hasOwn(workflow.on, "pull_request_target"), "it would run others' code with our rights");
    });

    test(`${file}: no job has more rights than it needs, runs for ever or needs a job that isn't there`, () => {
      assert.ok(workflow.permissions !== undefined, "without it the repository's default holds");
      assert.ok(Object.values(workflow.permissions).every((right) => right === "read"));
      for (const [name, { permissions = {}, uses, needs = [], ...job }] of Object.entries(workflow.jobs)) {
        const writes = Object.keys(permissions).filter((right) => permissions[right] === "write");
        assert.deepEqual(writes.toSorted(), PERMISSIONS[name], name);
        assert.ok(uses !== undefined || (job["timeout-minutes"] ?? 0) > 0, name);
        for (const needed of [needs].flat()) assert.ok(Object.hasOwn(workflow.jobs, needed), needed);
        if (uses !== undefined) assert.ok(existsSync(join(root, uses)), uses);
      }
      for (const { uses, with: given } of steps) {
        if (uses?.startsWith("actions/checkout@") === true) assert.equal(given?.["persist-credentials"], false);
      }
    });
  }

  test("run what the repository has", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const all = files.map(read).join("\n");
    for (const [, script = ""] of all.matchAll(/npm run ([\w:-]+)/g)) assert.ok(Object.hasOwn(scripts, script), script);
    for (const path of [".ci/run", "deploy/container/Dockerfile"]) assert.ok(all.includes(path), path);
    assert.ok(existsSync(join(root, ".ci/run")));
  });

  test("a release waits for its checks, and is published from the files that were attested", () => {
    const { on, jobs } = parse(read(".github/workflows/release.yml")) as Workflow;
    assert.deepEqual(on, { push: { tags: ["v*"] } });
    assert.equal(jobs["build"]?.needs, "check");
    for (const name of ["npm", "image", "publish"]) {
      assert.ok([jobs[name]?.needs].flat().includes("build"));
      assert.ok(jobs[name]?.steps?.some(({ uses }) => uses?.startsWith("actions/download-artifact@")));
      assert.ok(
        !jobs[name]?.steps?.some(({ uses }) => uses?.startsWith("actions/checkout@")),
        "it builds nothing anew",
      );
    }
  });
});

describe("the policy for updates", () => {
  test("looks weekly and lets a new version wait, for every ecosystem that is used", () => {
    const { updates } = parse(read(".github/dependabot.yml")) as {
      updates: { "package-ecosystem": string; schedule: { interval: string }; cooldown: { "default-days": number } }[];
    };
    assert.deepEqual(
      updates.map((update) => [update["package-ecosystem"], update.schedule.interval, update.cooldown["default-days"]]),
      ["npm", "github-actions", "docker"].map((ecosystem) => [ecosystem, "weekly", 7]),
    );
  });

  test("issue templates ask for what is needed, and not for a vulnerability", () => {
    for (const file of globSync(".github/ISSUE_TEMPLATE/!(config).yml", { cwd: root })) {
      const { name, description, body } = parse(read(file)) as { name: string; description: string; body: object[] };
      assert.ok(name.length > 0 && description.length > 0 && body.length > 0, file);
    }
    assert.match(read(".github/ISSUE_TEMPLATE/bug.yml"), /SECURITY\.md/);
  });
});
