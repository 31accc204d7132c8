/** The other upper bound: `crypto.verify` alone, with a parsed key. Prints checks a second. */
import { createPublicKey, verify } from "node:crypto";

const [pem = "", assertion = ""] = process.argv.slice(2);
const key = createPublicKey(pem);
const [header, claims, signature = ""] = assertion.split(".");
const text = Buffer.from(`${header}.${claims}`);
const bytes = Buffer.from(signature, "base64url");
const run = (durationMs: number): number => {
  const startedAt = performance.now();
  let checks = 0;
  while (performance.now() - startedAt < durationMs) {
    if (!verify("sha256", text, key, bytes)) throw new Error("the signature must verify");
    checks++;
  }
  return checks / ((performance.now() - startedAt) / 1000);
};
run(300);
process.stdout.write(`${run(1500)}\n`);
