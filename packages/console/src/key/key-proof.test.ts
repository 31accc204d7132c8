import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { keyFileName } from "../snippets/key-file-name.ts";
import { proofCommand } from "../snippets/proof-command.ts";
import { makeKeyProof } from "./key-proof.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const subject = {
  // A quote and a percent sign, which the shell's commands have to keep out of their own syntax.
  audience: "https://tokens.example.com/it's%20here",
  username: "api-1-demo",
  nonce: "n-_09",
  issuedAtSeconds: 1_764_000_000,
};
const expected = {
  header: { alg: "RS256", typ: "key-proof+jwt" },
  claims: { aud: subject.audience, sub: subject.username, nonce: subject.nonce, iat: subject.issuedAtSeconds },
  isSigned: true,
};

function read(proof: string) {
  assert.match(proof, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  const [header = "", claims = "", signature = ""] = proof.split(".");
  const parse = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());
  const isSigned = verify("sha256", Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, "base64url"));
  return { header: parse(header), claims: parse(claims), isSigned };
}

test("a proof is signed by the new key over the service, the API user and the nonce, with the time of the service", async () => {
  const proof = await makeKeyProof(subject, async (input) => sign("sha256", input, privateKey));
  assert.deepEqual(read(proof), expected);
});

test("openssl makes the same proof with the command to copy", {
  skip: spawnSync("openssl", ["version"]).status === 0 ? false : "openssl isn't installed",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-proof-"));
  try {
    const pem = privateKey.export({ format: "pem", type: "pkcs8" });
    writeFileSync(join(folder, keyFileName(subject.username)), pem);
    const { stdout, stderr } = spawnSync("sh", { input: proofCommand(subject), cwd: folder, encoding: "utf8" });
    assert.equal(stderr, "");
    assert.deepEqual(read(stdout.trim()), expected);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
