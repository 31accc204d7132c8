/**
 * Every shell block of every page is run, here or by the test of its page, or is listed here with the reason why it can't be; and
 * what it names exists. A new block that is neither run nor listed fails.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  documentedPages,
  findMentionProblems,
  findProblems,
  findUnknownVariables,
  readPage,
  type ShellBlock,
  shellBlocks,
} from "../testkit/documented-commands.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { runProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Pages that a test follows from beginning to end: every block without a further word. */
const FOLLOWED: Readonly<Record<string, string>> = {
  "docs/admin-api.md": "test/admin/admin-api-page.test.ts",
  "docs/get-started.md": "test/package/get-started.test.ts",
  "docs/install.md": "test/package/install.test.ts",
  "docs/keys-with-openssl.md": "test/clients/keys.test.ts",
  "docs/production-checklist.md": "test/package/production-checklist.test.ts",
  "docs/wire-examples.md": "test/wire/wire-examples-page.test.ts",
};

/**
 * Blocks that are run here, by the beginning of their first line, in this order, and each group of pages at a server of its own. The
 * first page of the first group creates the API user that the others use; what can't be undone comes last.
 */
const RUN: readonly (readonly (readonly [string, readonly string[]])[])[] = [
  [
    ["docs/production.md", ["countersign account create acme --name"]],
    ["docs/doctor.md", ["countersign doctor"]],
    [
      "docs/declared-state.md",
      [
        "npx countersign export",
        "countersign apply -f registry.yaml --secrets-out",
        "countersign apply -f registry.yaml --prune",
        "countersign apply -f registry.yaml --dry-run",
      ],
    ],
    ["docs/protecting-an-api.md", ["npx countersign resource-server create"]],
    [
      "docs/keys.md",
      [
        "countersign user edit api-1-demo --may-rotate",
        "countersign user edit api-1-demo --network",
        "countersign key revocation --key private.pem",
        "countersign key show 3",
      ],
    ],
    [
      "docs/operations.md",
      [
        "countersign user archive",
        "countersign user edit api-1-importer",
        "countersign key audit",
        "countersign signing-key list",
      ],
    ],
  ],
  [["docs/bulk.md", ["countersign account create acme", "countersign user export --account acme"]]],
];

/** What a page takes for granted, besides what the pages before it have made. */
const BEFORE: Readonly<Record<string, string>> = {
  "docs/keys.md": "for n in 2 3; do countersign key generate api-1-demo --out $n.pem; done",
  "docs/operations.md":
    "countersign account create former-partner; for n in importer old-importer; do countersign user create $n --account acme; done",
};

const DOCKER = "needs Docker and a network for images; test/deploy/container.test.ts builds and runs the image";
const CLUSTER = "needs a cluster; test/deploy/kubernetes.test.ts and pods.test.ts stand for it";
const ROOT_ONLY =
  "needs root and systemd as process 1; test/deploy/systemd.test.ts runs the page's set-up in namespaces";
const MACHINE =
  "needs root, a host name and packages; test/deploy/production-page.test.ts runs the page's configuration";
const PLACEHOLDERS = "has placeholders for a token or an assertion";
const REGISTRY = "needs a package registry, or files of a release; test/package/install.test.ts runs the same lines";
const GATEWAY = "test/gateways runs these configurations";
const EXAMPLES = "test/clients runs every example with other paths";
const PROMETHEUS = "changes /etc; test/deploy/monitoring.test.ts checks the files";

/** Blocks that nothing runs as they stand, by the beginning of their first line, and why. */
const NOT_RUN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "README.md": {
    "npm ci && npm run demo": "installs the checkout anew; test/admin/demo.test.ts runs the demo",
    "npx countersign serve": "docs/get-started.md has the same commands, and is followed",
    "npx countersign doctor": PLACEHOLDERS,
    "sha256sum --check": REGISTRY,
  },
  "docs/admin-api.md": { "curl -X P": PLACEHOLDERS },
  "docs/audit-stream.md": {
    "export COUNTERSIGN_ADMIN_URL": PLACEHOLDERS,
    "countersign audit stream": "runs on, to a receiver; test/admin/audit-stream.test.ts has its own",
  },
  "docs/console.md": { "cp packages/console/src/text/en.json": "changes the checkout" },
  "docs/container.md": { docker: DOCKER },
  "docs/get-started.md": { "npm ci": "is what a test has behind it" },
  "docs/keys.md": {
    "countersign key add api-1-demo weak.pem": "is refused; the tests of key admission show that",
    "openssl genpkey": "docs/keys-with-openssl.md has the same command, and is followed",
    "#!/bin/sh": "test/wire/key-proofs.test.ts and revoke-key.test.ts run the scripts",
    "countersign key add api-1-demo public.pem --proof": "test/clients/keys.test.ts adds keys with proofs",
    "curl -H": "test/wire/revoke-key.test.ts sends the statement",
    "countersign key revoke --statement": "test/wire/revoke-key.test.ts sends the statement",
  },
  "docs/kubernetes.md": { kubectl: CLUSTER, openssl: CLUSTER },
  "docs/listeners.md": {
    COUNTERSIGN_LISTEN_ONLY: "two processes that run on; test/nodes/public-role.test.ts has both",
  },
  "docs/monitoring.md": {
    "cp -r deploy/monitoring": PROMETHEUS,
    OTEL_EXPORTER: "runs on; test/wire/telemetry.test.ts has a collector of its own",
    OTEL_TRACES: "are settings without a command",
  },
  "docs/operations.md": {
    "/srv/countersign": "runs on, in an installed folder",
    "systemctl stop": ROOT_ONLY,
    "countersign store copy": "needs a database of this name; test/wire/store-copy.test.ts copies one into PostgreSQL",
  },
  "docs/production-checklist.md": {
    "countersign() {": "defines the command for Docker or kubectl",
    "systemctl is-enabled": ROOT_ONLY,
    "docker inspect": DOCKER,
    "kubectl -n countersign": CLUSTER,
    "grep -o": MACHINE,
    "openssl s_client": MACHINE,
    "curl --max-time": "must fail, from another machine",
    "stat -c": MACHINE,
    "sha256sum <": MACHINE,
    timedatectl: MACHINE,
    journalctl: MACHINE,
    "su postgres": "needs root and PostgreSQL's own programs on the machine",
  },
  "docs/production.md": {
    "apt-get": MACHINE,
    umask: MACHINE,
    "cat >/etc": MACHINE,
    systemctl: MACHINE,
    "countersign operator invite": "opens a tunnel to another machine",
  },
  "docs/remote-command-line.md": {
    "countersign login": "needs a server elsewhere and an operator's browser; test/admin/login.test.ts has both",
    "countersign whoami": "test/admin/login.test.ts asks and signs out",
    "export COUNTERSIGN_ADMIN_URL": "needs a server elsewhere; test/admin/remote-command-line.test.ts has one",
    "countersign admin-token create ana": "test/admin/remote-command-line.test.ts makes tokens",
    "kubectl port-forward": CLUSTER,
  },
  "docs/protecting-an-api.md": { "curl -u": PLACEHOLDERS },
  "docs/systemd.md": {
    umask: REGISTRY,
    "sudo install": ROOT_ONLY,
    "sudo countersign": "docs/production.md has the same commands, and they are run",
    "sudo systemd-creds": ROOT_ONLY,
    printf: ROOT_ONLY,
    "sudo npm": REGISTRY,
  },
  "docs/webhooks.md": {
    "countersign webhook": "delivers to another host; test/admin/webhook-cli.test.ts has a receiver",
  },
  "examples/README.md": { sh: EXAMPLES, "npx countersign": EXAMPLES, "token=": EXAMPLES, "examples/ruby": EXAMPLES },
  "examples/gateways/README.md": { "npx countersign": GATEWAY, "node -e": GATEWAY, mkdir: GATEWAY, "token=": GATEWAY },
  "packages/server/README.md": {
    "npx countersign demo": "needs a package registry; test/package runs the demo of the packed package",
  },
};

const pages = documentedPages();
const runs = (page: string, { first }: ShellBlock) =>
  RUN.flat().some(([name, starts]) => name === page && starts.some((start) => first.startsWith(start)));
const reason = (page: string, { first }: ShellBlock) =>
  Object.keys(NOT_RUN[page] ?? {}).find((start) => first.startsWith(start));

describe("each shell block of the documentation", () => {
  test("is run by a test, or listed with the reason why it isn't", () => {
    for (const page of pages) {
      for (const block of shellBlocks(page)) {
        const isFollowed = page in FOLLOWED && (block.info === "" || block.info === "terminal");
        const known = isFollowed || runs(page, block) || reason(page, block) !== undefined;
        assert.ok(known, `${page}:${block.line}: run this block in RUN, or name the reason in NOT_RUN: ${block.first}`);
      }
    }
  });

  test("is still there, if it is listed", () => {
    for (const [page, starts] of [
      ...RUN.flat(),
      ...Object.entries(NOT_RUN).map(([page, reasons]) => [page, Object.keys(reasons)] as const),
    ]) {
      const blocks = shellBlocks(page);
      for (const start of starts) {
        assert.ok(
          blocks.some(({ first }) => first.startsWith(start)),
          `${page} has no block that begins with "${start}"`,
        );
      }
    }
    for (const [page, file] of Object.entries(FOLLOWED)) assert.ok(existsSync(join(ROOT, file)), `${page}: ${file}`);
    const reasons = Object.values(NOT_RUN).flatMap((one) => Object.values(one));
    for (const [file] of reasons.join(" ").matchAll(/(?:test|docs)\/[\w./-]*\w/g)) {
      assert.ok(existsSync(join(ROOT, file)), `a reason names ${file}, which doesn't exist`);
    }
  });

  test("is valid shell, and names commands, options and files that exist", async () => {
    for (const page of pages) {
      for (const block of shellBlocks(page)) assert.deepEqual(await findProblems(block), [], `${page}:${block.line}`);
    }
  });
});

test("commands that a page mentions exist, with their options", async () => {
  for (const page of pages) assert.deepEqual(await findMentionProblems(page), [], page);
});

test("variables that a page names are settings", () => {
  for (const page of pages) assert.deepEqual(findUnknownVariables(page), [], page);
});

test("a command, an option, a file and a variable that don't exist are found", async () => {
  const problems = (commands: string) => findProblems({ page: "", line: 1, info: "", commands, first: commands });
  for (const wrong of [
    "countersign user remove api-1-demo",
    "countersign key list --expired",
    "npx countersign check",
    "TOKEN=$(countersign tokens api-1-demo private.pem)",
    "cat deploy/missing.yaml",
    "if true; then",
  ]) {
    assert.equal((await problems(wrong)).length, 1, wrong);
  }
  assert.deepEqual(await problems("countersign key list --json | grep 'countersign nothing'"), []);
});

const missing = await findMissing({
  name: "bash or openssl",
  debianPackages: "bash openssl",
  probes: [
    ["bash", "--version"],
    ["openssl", "version"],
  ],
});

describe("the blocks of these pages succeed, in order", {
  skip: missing === undefined || IS_CI ? false : missing,
}, () => {
  for (const group of RUN) {
    test(group.map(([page]) => page).join(", "), async () => {
      const server = await startServer();
      after(() => server.stop());
      const run = runnerAt(server);
      await run("openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem");
      await run("openssl pkey -in private.pem -pubout -out public.pem");
      await run("printf 'account,name,access\\nacme,checkout,full\\nacme,reporting,read_only\\n' >users.csv");
      for (const [page, starts] of group) {
        const before = BEFORE[page];
        if (before !== undefined) await run(before);
        const blocks = shellBlocks(page);
        for (const start of starts) {
          for (const { line, commands } of blocks.filter(({ first }) => first.startsWith(start))) {
            await run(commands, `${page}:${line}`);
          }
        }
      }
    });
  }
});

/** Runs commands in a folder of their own, with a server's settings. @throws {AssertionError} if one of them fails */
function runnerAt(server: TestServer): (commands: string, place?: string) => Promise<void> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    NODE: process.execPath,
    PROGRAM: COUNTERSIGN,
    FOLDER: temporaryFolder(),
    COUNTERSIGN_DATA_DIR: server.dataDir,
    COUNTERSIGN_PORT: new URL(server.publicUrl).port,
    COUNTERSIGN_ADMIN_PORT: new URL(server.adminUrl).port,
  };
  const shim = `cd "$FOLDER"; countersign() { "$NODE" "$PROGRAM" "$@"; }; npx() { shift; countersign "$@"; }`;
  return async (commands, place = commands) => {
    // Nobody is there to be asked.
    const unattended = commands.replaceAll(/countersign (key revoke|signing-key retire)/g, "countersign $1 --yes");
    const words = ["--norc", "-euo", "pipefail", "-c", `${shim}\n${unattended}`];
    const { status, stdout, stderr } = await runProgram("bash", words, { env });
    assert.equal(status, 0, `${place}\n${stdout}${stderr}`);
  };
}

test("the pages are there", () => {
  assert.ok(pages.length > 30, String(pages.length));
  assert.ok(pages.flatMap((page) => shellBlocks(page)).length > 100);
  assert.match(readPage("README.md"), /^# /);
});
