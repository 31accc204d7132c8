/** `npm run demo`, the first thing that a newcomer runs. Its output must be true, and it must leave nothing behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { endWithThisProcess, environment, runProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, temporaryFolder } from "../testkit/server.ts";

const missing = await findMissing({ name: "curl", debianPackages: "curl", probes: [["curl", "--version"]] });
const needsCurl = { skip: missing === undefined || IS_CI ? false : missing };

/** Starts a demo with a temporary folder of its own, so that the test sees what it leaves. */
function startDemo(more: Record<string, string> = {}) {
  // Of the lines that it prints, a shell takes this apart unless they quote it.
  const temporary = mkdtempSync(join(temporaryFolder(), "it's a tmp-"));
  const child = spawn(process.execPath, [COUNTERSIGN, "demo"], {
    env: environment({ TMPDIR: temporary, ...more }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithThisProcess(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close");
  return {
    child,
    ended,
    temporary,
    stdout: () => stdout,
    stderr: () => stderr,
    up: () =>
      eventually("the demo is up", () => {
        assert.equal(child.exitCode, null, stderr);
        return stdout.includes("Running until Ctrl-C");
      }),
  };
}

describe("the demo", { concurrency: 2 }, () => {
  test("--exit ends with status 0 after its story, and leaves nothing in the temporary folder", async () => {
    const temporary = mkdtempSync(join(temporaryFolder(), "tmp-"));
    const { status, stdout, stderr } = await runProgram(process.execPath, [COUNTERSIGN, "demo", "--exit"], {
      env: environment({ TMPDIR: temporary }),
    });
    assert.deepEqual([status, stderr], [0, ""], stdout);
    const results = [...stdout.matchAll(/^ {3}(?!\$)(account .*|username .*|key .*|HTTP \d+.*)$/gm)].map(([, text]) =>
      text?.replace(/SHA256:\S+/, "SHA256:…"),
    );
    assert.deepEqual(results, [
      "account acme, id 1",
      "username api-1-demo",
      "key 1, SHA256:…",
      "HTTP 200: a token that is good for 3600 s",
      "HTTP 200, X-Auth-Username: api-1-demo",
      "key 1 is deactivated",
      "HTTP 403: key_deactivated. The key that signed the assertion is deactivated.",
      "HTTP 403: key_deactivated. The key behind this token is deactivated.",
      "key 1 is active",
      "HTTP 200: a token that is good for 3600 s",
      "HTTP 200, X-Auth-Username: api-1-demo",
    ]);
    assert.match(stdout, /"code":"key_deactivated"/);
    assert.match(stdout, /\nEvery step succeeded\.\n$/);
    assert.equal(stdout.match(/^\d+\. /gm)?.length, 11);
    assert.doesNotMatch(stdout, /PRIVATE KEY|\u001b/);
    assert.doesNotMatch(stdout, /[\w.-]{100}/, "assertions and tokens are folded");
    assert.deepEqual(readdirSync(temporary), []);
  });

  test("--verbose prints assertions and answers in full", async () => {
    const { status, stdout } = await runProgram(process.execPath, [COUNTERSIGN, "demo", "--exit", "--verbose"], {
      env: environment(),
    });
    assert.equal(status, 0);
    assert.match(stdout, /\$ curl -H 'Authorization: JWT [\w-]+\.[\w-]+\.[\w-]{342}' '/);
    assert.match(stdout, /"errors":\[\{"code":"key_deactivated","message":"The key that signed /);
  });

  test("the environment's settings affect neither its output nor a real store", async () => {
    const folder = join(temporaryFolder(), "real");
    const { status, stderr } = await runProgram(process.execPath, [COUNTERSIGN, "demo", "--exit"], {
      env: environment({
        COUNTERSIGN_DATA_DIR: folder,
        COUNTERSIGN_PORT: "nonsense",
        COUNTERSIGN_PUBLIC_URL: "https://production.example.com",
        COUNTERSIGN_UNKNOWN: "x",
      }),
    });
    assert.equal(status, 0, stderr);
    assert.ok(!existsSync(folder));
  });

  test(
    "it stays up, its lines run as they are printed, and Ctrl-C ends it with status 0 and removes its store",
    needsCurl,
    async () => {
      const demo = startDemo();
      await demo.up();
      assert.equal(readdirSync(demo.temporary).length, 1, "its store is in the temporary folder");

      const lines = [...demo.stdout().matchAll(/^ {3}\$ (curl .*)$/gm)].map(([, line]) => line ?? "");
      assert.equal(lines.length, 6);
      const answers: string[] = [];
      for (const line of lines) {
        const { status, stdout, stderr } = await runProgram("/bin/sh", ["-c", line]);
        assert.equal(status, 0, `${line}: ${stderr}`);
        answers.push(stdout);
      }
      // The key is active again by now, so every line succeeds.
      for (const answer of answers) assert.match(answer, /^(\{"meta":\{"code":200,|HTTP\/1\.1 200 OK\r\n)/);
      assert.equal(answers.filter((answer) => answer.includes("X-Auth-Username: api-1-demo")).length, 3);

      const addresses = [...demo.stdout().matchAll(/listener +(http:\/\/\S+)/g)].map(([, url]) => url ?? "");
      assert.equal(addresses.length, 2);
      for (const url of addresses) assert.equal((await fetch(`${url}/readyz`)).status, 200);

      demo.child.kill("SIGINT");
      assert.deepEqual(await demo.ended, [0, null]);
      assert.equal(demo.stderr(), "");
      assert.deepEqual(readdirSync(demo.temporary), []);
    },
  );

  test("the commands that it prints work on its store while it is up", needsCurl, async () => {
    const demo = startDemo();
    await demo.up();
    const printed = [...demo.stdout().matchAll(/^ {3}\$ (?:npx )?(countersign .*)$/gm)].map(([, line]) => line ?? "");
    assert.equal(printed.length, 5);
    const [deactivate = ""] = printed.filter((line) => line.includes("key deactivate"));
    const [activate = ""] = printed.filter((line) => line.includes("key activate"));
    const program = `countersign() { "${process.execPath}" "${COUNTERSIGN}" "$@"; }`;
    const run = (line: string) => runProgram("/bin/sh", ["-c", `${program}; ${line}`]);
    assert.equal((await run(deactivate)).stdout, "Key 1 of api-1-demo is deactivated.\n");
    assert.equal((await run(activate)).stdout, "Key 1 of api-1-demo is active.\n");
    assert.equal((await run(deactivate)).status, 0);
    const [explain = ""] = /^ {2}npx (countersign explain .*)$/m.exec(demo.stdout())?.slice(1) ?? [];
    assert.match((await run(explain)).stdout, /The signature is by key 1,/);
    const [check = ""] = [...demo.stdout().matchAll(/^ {3}\$ (curl -i .*)$/gm)].map(([, line]) => line ?? "");
    await eventually("the token is refused", async () => (await run(check)).stdout.startsWith("HTTP/1.1 403 "));
    demo.child.kill("SIGTERM");
    assert.deepEqual(await demo.ended, [0, null]);
    assert.deepEqual(readdirSync(demo.temporary), []);
  });

  test("Ctrl-C in the middle of its story ends it and leaves nothing behind either", async () => {
    const demo = startDemo();
    await eventually("the story begins", () => demo.stdout().includes("1. "));
    demo.child.kill("SIGINT");
    const [status] = (await demo.ended) as [number | null];
    assert.equal(status, 0);
    assert.deepEqual(readdirSync(demo.temporary), []);
  });
});
