/**
 * A leaked key revokes itself, with nothing of ours on the client's side: the statement is made as docs/keys.md shows, with
 * OpenSSL, and sent with curl.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertRefusalsDeclared } from "../testkit/declared-refusals.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { runProgram } from "../testkit/run-program.ts";
import {
  createApiUser,
  startServer,
  type TestApiUser,
  type TestServer,
  temporaryFolder,
  tokenCommand,
} from "../testkit/server.ts";

const missing = await findMissing({
  name: "openssl or curl",
  debianPackages: "curl openssl",
  probes: [
    ["openssl", "version"],
    ["curl", "--version"],
  ],
});
const skip = missing !== undefined && !IS_CI ? missing : false;

/** The script of docs/keys.md that makes a statement. */
function documentedScript(): string {
  const page = readFileSync(fileURLToPath(new URL("../../docs/keys.md", import.meta.url)), "utf8");
  const script = /```sh\n(#!\/bin\/sh\n# Usage: sh revocation\.sh[\s\S]*?)```/.exec(page)?.[1];
  assert.ok(script !== undefined, "docs/keys.md has no script that makes a revocation statement");
  return script;
}

describe("a key that revokes itself", () => {
  let server: TestServer;
  let user: TestApiUser;
  const folder = temporaryFolder();

  before(async () => {
    server = await startServer();
    user = await createApiUser(server);
  });
  after(async () => {
    try {
      await assertRefusalsDeclared(server);
    } finally {
      await server.stop();
    }
  });

  const post = (statement: string) =>
    runProgram("curl", [
      "-sS",
      "-w",
      "\n%{http_code}",
      "-H",
      "Content-Type: application/json",
      "-d",
      JSON.stringify({ revocation: statement }),
      `${server.publicUrl}/api/auth/v0/revoke-key/`,
    ]);
  const revocation = (keyFile: string, ...more: string[]) => server.cli("key", "revocation", "--key", keyFile, ...more);
  const keys = () => server.json<{ id: number; status: string }[]>("key", "list", user.username);

  test("by OpenSSL and curl alone: its token and its assertions are refused, and the audit log names it", {
    skip,
  }, async () => {
    const script = join(folder, "revocation.sh");
    writeFileSync(script, documentedScript());
    const made = await runProgram("sh", [script, user.privateKeyFile]);
    assert.equal(made.status, 0, made.stderr);
    assert.equal(made.stdout, (await revocation(user.privateKeyFile)).stdout, "the command makes the same statement");

    const token = await server.json<{ token: string }>(...tokenCommand(server, user));
    const check = () =>
      fetch(`${server.publicUrl}/api/auth/v0/check/`, { headers: { Authorization: `Token ${token.token}` } });
    assert.equal((await check()).status, 200);
    for (let times = 0; times < 2; times++) {
      const { stdout } = await post(made.stdout.trim());
      assert.equal(stdout, '{"meta":{"code":200,"errors":[],"warnings":[]},"data":{}}\n200');
    }
    assert.equal((await check()).status, 403);
    assert.match((await server.cli(...tokenCommand(server, user))).stderr, /key_deactivated/);
    assert.deepEqual(
      (await keys()).map(({ status }) => status),
      ["revoked"],
    );
    const events = await server.json<{ actor: string; action: string; subject: string; details: object }[]>(
      "audit",
      "list",
    );
    const revoked = events.filter(({ action }) => action === "key.revoked");
    assert.deepEqual(
      revoked.map(({ actor, subject }) => [actor, subject]),
      [[`key:${user.keyId}`, `key:${user.keyId}`]],
    );
    assert.ok(!server.stderr().includes(made.stdout.trim().slice(0, 60)), "the log holds the statement");
  });

  test("by a statement from a safe that an operator applies without the network", async () => {
    const keyFile = join(folder, "second.pem");
    const file = join(folder, "second.revocation");
    const { id } = await server.json<{ id: number }>("key", "generate", user.username, "--out", keyFile);
    const made = await revocation(keyFile, "--out", file);
    assert.deepEqual([made.status, made.stdout], [0, ""], made.stderr);
    assert.match(made.stderr, /anybody who has this statement can revoke the key for good/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const again = await revocation(keyFile, "--out", file);
    assert.deepEqual([again.status, again.stderr.includes("isn't overwritten")], [1, true]);

    const revoked = await server.json<{ id: number; status: string }[]>("key", "revoke", "--yes", "--statement", file);
    assert.deepEqual(
      revoked.map((key) => [key.id, key.status]),
      [[id, "revoked"]],
    );
    const body = JSON.stringify({ revocation: readFileSync(file, "utf8").trim() });
    const repeated = await server.cliWithInput(body, "key", "revoke", "--yes", "--statement", "-");
    assert.deepEqual(
      [repeated.status, repeated.stdout],
      [0, "No key was left to revoke; a key with this modulus is never accepted.\n"],
    );
  });

  test("not with something else than a statement, nor by a key id beside it", async () => {
    const keyFile = join(folder, "third.pem");
    await server.json("key", "generate", user.username, "--out", keyFile);
    for (const [args, status, message] of [
      [["key", "revoke", "--yes", "--statement", keyFile], 1, /PRIVATE key/],
      [["key", "revoke", "3", "--statement", keyFile], 2, /give neither a key id nor --with-descendants/],
      [["key", "revoke"], 2, /A key id is a whole number/],
      [["key", "revocation"], 2, /--key/],
    ] as const) {
      const result = await server.cli(...args);
      assert.equal(result.status, status, result.stderr);
      assert.match(result.stderr, message);
    }
    assert.equal((await keys()).at(-1)?.status, "active");
    const small = join(folder, "small.pem");
    await runProgram("openssl", ["genrsa", "-out", small, "1024"]);
    if (existsSync(small)) assert.match((await revocation(small)).stderr, /1024 bits/);
  });
});
