import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createVerify, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { keyFileName } from "./key-file-name.ts";
import { makeSnippets } from "./snippets.ts";

const RUNNERS: Record<string, { readonly command: string; readonly needs: readonly string[] }> = {
  curl: { command: "sh", needs: ["-c", "command -v curl && command -v openssl"] },
  JavaScript: { command: process.execPath, needs: ["-e", ""] },
  PHP: { command: "php", needs: ["-r", "exit(extension_loaded('curl') && extension_loaded('openssl') ? 0 : 1);"] },
  // Debian's modules are for this Python, whichever other one comes first.
  Python: { command: "/usr/bin/python3", needs: ["-c", "import jwt, requests"] },
  Ruby: { command: "ruby", needs: ["-e", "require 'openssl'"] },
};

const username = "api-1-demo";
const token = "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU";

describe("what the console shows as code exchanges an assertion for a token", () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-snippets-"));
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  let server: Server;
  let publicUrl = "";
  let assertion: string | undefined;

  before(async () => {
    writeFileSync(join(folder, keyFileName(username)), privateKey.export({ format: "pem", type: "pkcs8" }));
    server = createServer((request, response) => {
      assertion = /^JWT (.+)$/.exec(request.headers.authorization ?? "")?.[1];
      const isRight = request.url === "/it's/api/auth/v0/refresh/";
      response.writeHead(isRight ? 200 : 404, { "content-type": "application/json" });
      response.end(JSON.stringify({ meta: { code: 200, errors: [], warnings: [] }, data: { token } }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    // A quote, which each language would have to keep out of its own syntax.
    publicUrl = `http://127.0.0.1:${address.port}/it's`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  for (const [language, { command, needs }] of Object.entries(RUNNERS)) {
    const isThere = spawnSync(command, needs, { stdio: "ignore" }).status === 0;
    test(`in ${language}`, { skip: isThere ? false : `${command} and what it needs aren't installed` }, async () => {
      const snippet = makeSnippets({ publicUrl, username }).find((each) => each.name === language);
      assert.ok(snippet);
      writeFileSync(join(folder, snippet.fileName), snippet.code);
      assertion = undefined;
      const { stdout } = await promisify(execFile)(command, [snippet.fileName], { cwd: folder });
      assert.ok(stdout.includes(token), stdout);
      const { header, claims, isSigned } = read(assertion ?? "", publicKey);
      assert.deepEqual(header, { alg: "RS256", typ: "JWT" });
      assert.equal(claims.username, username);
      assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60);
      assert.ok(isSigned);
    });
  }
});

test("a public URL with and without a slash at its end makes the same code", () => {
  const bare = makeSnippets({ publicUrl: "https://tokens.example.com", username });
  assert.deepEqual(makeSnippets({ publicUrl: "https://tokens.example.com/", username }), bare);
  for (const { name, code } of bare) {
    assert.ok(/https:\/\/tokens\.example\.com\/(api\/auth\/v0\/(refresh|check)\/|oauth2\/token)/.test(code), name);
  }
});

function read(assertion: string, publicKey: KeyObject) {
  const [header = "", claims = "", signature = ""] = assertion.split(".");
  return {
    header: JSON.parse(Buffer.from(header, "base64url").toString()) as unknown,
    claims: JSON.parse(Buffer.from(claims, "base64url").toString()) as { username: string; iat: number },
    isSigned: createVerify("sha256").update(`${header}.${claims}`).verify(publicKey, signature, "base64url"),
  };
}
