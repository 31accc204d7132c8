/** docs/install.md: its lines are run as they stand, on the files of a release, in empty folders. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { makeSnapshot } from "../testkit/release-snapshot.ts";
import { IS_CI } from "../testkit/requirements.ts";
import { endWithThisProcess, environment } from "../testkit/run-program.ts";
import { temporaryFolder } from "../testkit/server.ts";

const root = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(root, "docs", "install.md"), "utf8");
const blocks = [...page.matchAll(/^```(sh|js)\n([^]*?)^```$/gm)].map(([, language, text = ""]) => ({ language, text }));
const shells = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
const programs = blocks.filter(({ language }) => language === "js").map(({ text }) => text);

/** The block of shell lines that has this line. */
function shell(line: string): string {
  const found = shells.filter((text) => text.split("\n").includes(line));
  assert.equal(found.length, 1, line);
  return found[0] ?? "";
}

const skip = !IS_CI && "it installs packages: CI=true npm run test:peers runs it";

test("the README's lines that install a release are those of docs/install.md", () => {
  const [, lines = ""] =
    /^## Installing it$[^]*?^```sh\n([^]*?)^```$/m.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  for (const line of lines.trimEnd().split("\n")) shell(line);
  assert.equal(lines.match(/^npm install /gm)?.length, 3);
});

describe("installing by docs/install.md", { skip, concurrency: 1 }, () => {
  let release = "";
  const work = temporaryFolder();
  const prefix = temporaryFolder();
  const children: ChildProcess[] = [];
  const env = environment({
    npm_config_prefix: prefix,
    npm_config_audit: "false",
    npm_config_fund: "false",
    PATH: `${join(prefix, "bin")}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    COUNTERSIGN_PORT: "0",
    COUNTERSIGN_ADMIN_PORT: "0",
    PORT: "0",
  });
  const run = (lines: string, cwd: string, more: NodeJS.ProcessEnv = {}) =>
    execFileSync("bash", ["-euo", "pipefail", "-c", lines], { cwd, env: { ...env, ...more }, encoding: "utf8" });

  /** Starts a program that goes on. @returns its first line of output */
  async function start(lines: string, cwd: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
    const child = spawn("bash", ["-c", `exec ${lines}`], {
      cwd,
      env: { ...env, ...more },
      stdio: ["ignore", "pipe", "ignore"],
    });
    endWithThisProcess(child);
    children.push(child);
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    return line;
  }

  /** An empty folder with the release's files of this form. */
  function project(pattern: string): string {
    const folder = temporaryFolder();
    for (const file of globSync(pattern, { cwd: release })) copyFileSync(join(release, file), join(folder, file));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
    return folder;
  }

  before(() => {
    release = makeSnapshot();
  });
  after(() => {
    for (const child of children) child.kill();
  });

  test("the files of a release are what its checksums say", () => {
    assert.doesNotMatch(run(shell("sha256sum --check SHA256SUMS"), release), /FAILED/);
  });

  test("the server installs from a release and runs its demo", () => {
    const output = run(shell("countersign demo --exit"), release);
    assert.match(output, /^commit +[0-9a-f]{40}$/m);
    assert.match(output, /Every step succeeded/);
  });

  test("a checkout runs by itself", () => {
    const lines = shell("npm ci").trimEnd().split("\n");
    // The first two are what brought this checkout here.
    assert.match(lines[0] ?? "", /^git clone /);
    assert.deepEqual(lines.slice(1, -1), ["npm ci"]);
    assert.match(run(lines.at(-1) ?? "", root), /^version +\d/);
  });

  test("a client with the SDK calls an API with the verifier, and both came from the release", async () => {
    const created = run(shell("countersign account create acme"), work);
    const [, clientId = ""] = /(rs-\d+)/.exec(created) ?? [];
    const [, clientSecret = ""] = /(csrs_\S+)/.exec(created) ?? [];
    const { public_url: AUTH_URL } = JSON.parse(await start(shell("countersign serve"), work)) as {
      public_url: string;
    };

    const [clientProgram = "", apiProgram = ""] = programs;
    const api = project("countersign-verifier-*.tgz");
    writeFileSync(join(api, "api.mjs"), apiProgram);
    run(shells.find((text) => text.includes("countersign-verifier")) ?? "", api);
    const credentials = { AUTH_URL, AUTH_CLIENT_ID: clientId, AUTH_CLIENT_SECRET: clientSecret };
    const port = await start(shell("node api.mjs"), api, credentials);

    const client = project("countersign-client-*.tgz");
    writeFileSync(join(client, "client.mjs"), clientProgram);
    copyFileSync(join(work, "billing.pem"), join(client, "billing.pem"));
    run(shells.find((text) => text.includes("countersign-client")) ?? "", client);
    const output = run(shell("node client.mjs"), client, { AUTH_URL, API_URL: `http://127.0.0.1:${port}` });
    assert.equal(output, "200 Hello api-1-billing\n");
  });
});
