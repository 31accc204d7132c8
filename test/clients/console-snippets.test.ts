/** The programs that the page of an API user shows, each run as it is against a real server. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { keyFileName } from "../../packages/console/src/snippets/key-file-name.ts";
import type { Snippet } from "../../packages/console/src/snippets/snippet.ts";
import { makeSnippets } from "../../packages/console/src/snippets/snippets.ts";
import { IS_CI } from "../testkit/requirements.ts";
import { environment } from "../testkit/run-program.ts";
import { createApiUser, startServer, temporaryFolder, type TestApiUser, type TestServer } from "../testkit/server.ts";

const root = join(import.meta.dirname, "..", "..");

interface Runner {
  readonly command: string;
  /** Ends with status 0 if everything is there. */
  readonly needs: readonly string[];
}

const SHELL: Runner = { command: "sh", needs: ["-c", "command -v curl && command -v openssl"] };
const NODE: Runner = { command: process.execPath, needs: ["-e", ""] };

const RUNNERS: Readonly<Record<Snippet["name"], Runner>> = {
  curl: SHELL,
  JavaScript: NODE,
  PHP: { command: "php", needs: ["-r", "exit(extension_loaded('curl') && extension_loaded('openssl') ? 0 : 1);"] },
  // Debian's modules are for this Python, whichever other one comes first.
  Python: { command: "/usr/bin/python3", needs: ["-c", "import jwt, requests"] },
  Ruby: { command: "ruby", needs: ["-e", "require 'openssl'"] },
  API: SHELL,
  SDK: NODE,
  OAuth: SHELL,
};

/** Programs that print the API's answer instead of a token. */
const CALLERS: readonly Snippet["name"][] = ["API", "SDK"];

describe("what the console shows as code works as it is", () => {
  const folder = temporaryFolder();
  let server: TestServer;
  let user: TestApiUser;
  let snippets: readonly Snippet[];

  before(async () => {
    server = await startServer();
    user = await createApiUser(server);
    snippets = makeSnippets({ publicUrl: server.publicUrl, username: user.username });
    copyFileSync(user.privateKeyFile, join(folder, keyFileName(user.username)));
    for (const { fileName, code } of snippets) writeFileSync(join(folder, fileName), code);
    mkdirSync(join(folder, "node_modules", "@countersign"), { recursive: true });
    symlinkSync(join(root, "packages", "client"), join(folder, "node_modules", "@countersign", "client"));
  });
  after(() => server.stop());

  for (const [name, { command, needs }] of Object.entries(RUNNERS)) {
    const isThere = spawnSync(command, needs, { stdio: "ignore" }).status === 0;
    const skip = isThere || IS_CI ? false : `${command} and what it needs aren't installed`;
    test(`${name}: the service accepts it`, { skip }, async () => {
      const snippet = snippets.find((each) => each.name === name);
      assert.ok(snippet);
      const { stdout } = await promisify(execFile)(command, [snippet.fileName], { cwd: folder, env: environment() });
      if (CALLERS.includes(snippet.name)) {
        assert.match(stdout, /^(HTTP\/1\.1 )?200\b/, stdout);
        return;
      }
      const token = /\b\d+\.[\w-]+\.[\w-]{40,}/.exec(stdout)?.[0];
      assert.ok(token, stdout);
      const check = await fetch(`${server.publicUrl}/api/auth/v0/check/`, {
        headers: { authorization: `Token ${token}` },
      });
      assert.equal(check.status, 200);
      assert.equal(check.headers.get("x-auth-username"), user.username);
      await check.arrayBuffer();
    });
  }

  test("there is a program for each of these, and no other", () => {
    assert.deepEqual(snippets.map(({ name }) => name).toSorted(), Object.keys(RUNNERS).toSorted());
  });
});
