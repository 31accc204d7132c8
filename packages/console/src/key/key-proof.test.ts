import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { keyFileName } from "../snippets/snippets.ts";
import { proofCommand } from "../snippets/proof-command.ts";
import { makeKeyProof } from "./key-proof.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
// A quote and a percent sign, which the shell's commands have to keep out of their own syntax.
const subject = { audience: "https://tokens.example.com/it's%20here", username: "api-1-demo", nonce: "n-_0.9" };

function read(proof: string) {
  const [header = "", claims = "", signature = ""] = proof.split(".");
  const parse = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
  const isSigned = verify("sha256", Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, "base64url"));
  return { header: parse(header), claims: parse(claims), isSigned };
}

const claimed = { aud: subject.audience, sub: subject.username, nonce: subject.nonce };

test("a proof is signed by the new key over the service, the API user and the nonce", async () => {
  const proof = await makeKeyProof(subject, 1_764_000_000_999, async (input) => sign("sha256", input, privateKey));
  assert.match(proof, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.deepEqual(read(proof), {
    header: { alg: "RS256", typ: "key-proof+jwt" },
    claims: { ...claimed, iat: 1_764_000_000 },
    isSigned: true,
  });
});

test("openssl makes the same proof with the command to copy", {
  skip: spawnSync("openssl", ["version"]).status === 0 ? false : "openssl isn't installed",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-proof-"));
  try {
    writeFileSync(join(folder, keyFileName(subject.username)), privateKey.export({ format: "pem", type: "pkcs8" }));
    const { stdout, stderr } = spawnSync("sh", { input: proofCommand(subject), cwd: folder, encoding: "utf8" });
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/, stderr);
    const { header, claims, isSigned } = read(stdout.trim());
    assert.deepEqual(header, { alg: "RS256", typ: "key-proof+jwt" });
    const { iat, ...others } = claims;
    assert.deepEqual(others, claimed);
    assert.ok(Math.abs(Number(iat) - Date.now() / 1000) < 60);
    assert.ok(isSigned);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
