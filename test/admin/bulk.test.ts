/**
 * Importing and exporting API users with the command line: files with good and bad rows, what is printed, what a second run does, a
 * run that is killed, and a server that answers meanwhile.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createPublicKey, generatePrimeSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { publicKeyText } from "../../packages/server/src/testing/public-key-text.ts";
import { eventually } from "../testkit/eventually.ts";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import { environment } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { COUNTERSIGN, temporaryFolder } from "../testkit/server.ts";

const pair = makeKeyPair();
const prime = generatePrimeSync(1024, { bigint: true });
const pemOf = (modulus: bigint) =>
  createPublicKey({ key: JSON.parse(publicKeyText(modulus)) as object, format: "jwk" }).export({
    format: "pem",
    type: "spki",
  });
/** Keys of two random primes. */
const keys = Array.from({ length: 6 }, () =>
  pemOf(generatePrimeSync(1024, { bigint: true }) * generatePrimeSync(1024, { bigint: true })),
);
const line = (text: string) => text.replaceAll(/-----[A-Z ]+-----|\s/g, "");

interface Summary {
  readonly rows: number;
  readonly users_created: number;
  readonly keys_added: number;
  readonly unchanged: number;
  readonly refused: number;
  readonly problems: readonly { readonly line: number; readonly code: string; readonly message: string }[];
}

describe("importing and exporting API users", { concurrency: 1 }, () => {
  const dataDir = temporaryFolder();
  const files = temporaryFolder();
  const run = (args: readonly string[], input = "", folder = dataDir) =>
    runCountersign(args, { input, env: environment({ COUNTERSIGN_DATA_DIR: folder }) });
  const file = (name: string, text: string) => {
    writeFileSync(join(files, name), text);
    return join(files, name);
  };
  const summaryOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as Summary;
  const counts = ({ rows, users_created: users, keys_added: added, unchanged, refused }: Summary) => [
    rows,
    users,
    added,
    unchanged,
    refused,
  ];

  before(async () => {
    for (const name of ["acme", "other"]) assert.equal((await run(["account", "create", name])).status, 0);
  });

  const good = [
    "account;name;access;networks;public_key;label;expires_at",
    `acme;one;read_only;192.0.2.0/24 198.51.100.7;${line(keys[0] ?? "")};first;`,
    `acme;one;read_only;192.0.2.0/24 198.51.100.7;"${keys[1] ?? ""}";"a ""quoted"" label; and more";2100-01-01T00:00:00Z`,
    "other;two;;;;;",
    "",
  ].join("\r\n");

  test("a file is imported, and a second time nothing changes", async () => {
    const csv = file("good.csv", good);
    const first = await run(["user", "import", csv]);
    assert.deepEqual([first.status, first.stderr], [0, ""]);
    assert.equal(first.stdout, "2 API users created, 2 keys added, 0 rows unchanged, 0 refused\n");
    const again = await run(["user", "import", csv, "--json"]);
    assert.deepEqual([again.status, counts(summaryOf(again))], [0, [3, 0, 0, 3, 0]]);
    assert.equal((await run(["audit", "verify"])).status, 0);
  });

  test("what is exported imports into another store as it was, in both formats", async () => {
    const folder = temporaryFolder();
    for (const name of ["acme", "other"]) await run(["account", "create", name], "", folder);
    await run(["user", "deactivate", "api-2-two"]);
    const csv = await run(["user", "export"]);
    const jsonl = await run(["user", "export", "--format", "jsonl"]);
    assert.deepEqual([csv.status, csv.stderr], [0, ""]);
    const imported = await run(["user", "import", "-", "--json"], csv.stdout, folder);
    assert.deepEqual(counts(summaryOf(imported)), [3, 2, 2, 0, 0]);
    assert.equal((await run(["user", "export"], "", folder)).stdout, csv.stdout);
    assert.equal((await run(["user", "export", "--format", "jsonl"], "", folder)).stdout, jsonl.stdout);
    const unchanged = await run(["user", "import", "-", "--format", "jsonl", "--json"], jsonl.stdout, folder);
    assert.deepEqual(counts(summaryOf(unchanged)), [3, 0, 0, 3, 0]);
    const ofOne = await run(["user", "export", "--account", "other"]);
    assert.equal(ofOne.stdout.split("\r\n")[1], "other,two,api-2-two,full,deactivated,false,,,,,,,,,,");
  });

  const bad = [
    "name,public_key,label,line,problem",
    `three,${line(keys[2] ?? "")},=1+1,,`,
    `Four,${line(keys[3] ?? "")},,,`,
    `five,"${pair.privatePem}",,,`,
    `six,${line(pemOf(prime * prime))},,,`,
    `seven,${line(keys[2] ?? "")},,,`,
    "eight,,,,",
    "",
  ].join("\n");

  test("a bad row stops the import before its first change", async () => {
    const csv = file("bad.csv", bad);
    const result = await run(["user", "import", csv, "--account", "acme"]);
    assert.equal(result.status, 1);
    assert.match(result.stdout, /^Nothing was changed: 3 of 6 rows can't be imported\. /);
    const lines = result.stderr.trim().split("\n");
    assert.match(lines[0] ?? "", /^line 3: The name must be 1 to 63 lower-case letters/);
    assert.match(lines[1] ?? "", /: The key is refused: this is a PRIVATE key\. /);
    assert.match(lines[2] ?? "", /: Line 2 has the same key for another API user\.$/);
    assert.ok(!(await run(["user", "list"])).stdout.includes("three"));
  });

  test("a dry run finds every problem, and changes nothing", async () => {
    const csv = file("bad.csv", bad);
    const last = (await run(["audit", "list", "--json"])).stdout;
    const result = await run(["user", "import", csv, "--account", "acme", "--dry-run", "--json"]);
    assert.equal(result.status, 1);
    const summary = summaryOf(result);
    assert.deepEqual(counts(summary), [6, 2, 1, 0, 4]);
    assert.deepEqual(
      summary.problems.map(({ code }) => code),
      ["field_invalid", "private_key_exposed", "key_weak", "conflict"],
    );
    assert.equal((await run(["audit", "list", "--json"])).stdout, last);
  });

  test("with a file for rejects the good rows are imported, and the others can be corrected and imported", async () => {
    const csv = file("bad.csv", bad);
    const rejects = join(files, "rejects.csv");
    const words = ["user", "import", csv, "--account", "acme", "--rejects", rejects];
    const result = await run(words);
    assert.equal(result.status, 1);
    assert.equal(result.stdout, `2 API users created, 1 keys added, 0 rows unchanged, 4 refused (see ${rejects})\n`);
    assert.equal(statSync(rejects).mode & 0o777, 0o600);
    const text = readFileSync(rejects, "utf8");
    assert.ok(!text.includes("PRIVATE KEY-----"), "a private key isn't copied");
    assert.match(text, /^,six,.*,33,/m);
    assert.match((await run(words)).stderr, /rejects\.csv exists already\.$/m);
    const four = text.split("\r\n").filter((row) => /^account|Four/.test(row));
    const corrected = file("corrected.csv", four.join("\r\n").replace("Four", "four"));
    const second = await run(["user", "import", corrected, "--account", "acme", "--json"]);
    assert.deepEqual(counts(summaryOf(second)), [1, 1, 1, 0, 0], second.stderr);
    const shown = await run(["key", "list", "api-1-three", "--json"]);
    assert.equal((JSON.parse(shown.stdout) as { label: string }[])[0]?.label, "=1+1");
    assert.match((await run(["user", "export"])).stdout, /,'=1\+1,/);
  });

  test("wrong use is said in a line", async () => {
    const missing = await run(["user", "import", join(files, "missing.csv")]);
    assert.deepEqual(
      [missing.status, missing.stderr],
      [1, `countersign: ${join(files, "missing.csv")} can't be read (ENOENT): there is no such file.\n`],
    );
    const columns = await run(["user", "import", "-"], "user,mail\n");
    assert.deepEqual([columns.status, columns.stdout], [1, ""]);
    assert.match(columns.stderr, /^countersign: The header names columns that don't exist: user, mail\. These do: /);
    assert.equal((await run(["user", "import", "-", "--format", "xml"])).status, 2);
  });

  test("a run that is killed is completed by the next one", async () => {
    const folder = temporaryFolder();
    await run(["account", "create", "acme"], "", folder);
    const users = Array.from({ length: 4000 }, (_, index) => `user-${index}`);
    const csv = file("many.csv", ["name", ...users].join("\n"));
    const words = ["user", "import", csv, "--account", "acme", "--json"];
    const child = spawn(process.execPath, [COUNTERSIGN, ...words], {
      env: environment({ COUNTERSIGN_DATA_DIR: folder }),
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    await eventually("the first rows are there", async () => {
      const { stdout } = await run(["audit", "list", "--limit", "1", "--json"], "", folder);
      const [event] = JSON.parse(stdout) as { seq: number }[];
      return (event?.seq ?? 0) > 10;
    });
    child.kill("SIGKILL");
    await ended;
    const result = await run(words, "", folder);
    assert.equal(result.status, 0, result.stderr);
    const [rows, created = 0, , unchanged = 0] = counts(summaryOf(result));
    assert.equal(rows, 4000);
    assert.equal(created + unchanged, 4000);
    assert.ok(unchanged >= 500, "what was committed stayed");
    assert.equal((await run(["audit", "verify"], "", folder)).status, 0);
    assert.equal((await run(["user", "export"], "", folder)).stdout.split("\r\n").length, 4002);
    assert.ok(existsSync(csv));
  });
});
