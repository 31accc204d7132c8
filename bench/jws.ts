/**
 * Compares parsing and verifying an assertion in alternating rounds (our own strict parser with `crypto.verify`, jose,
 * fast-jwt and jsonwebtoken), and what each of them refuses. docs/adr/0003 has the figures of one run.
 */
import { createHmac, type KeyObject, verify } from "node:crypto";
import { createVerifier } from "fast-jwt";
import { compactVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { makeKeyPair } from "../test/testkit/rsa-keys.ts";
import { signParts } from "../test/testkit/sign-assertion.ts";
import { parseClaims } from "../packages/server/src/core/assertion/check-claims.ts";
import { checkHeader, parseAssertion } from "../packages/server/src/core/assertion/parse-assertion.ts";

const ROUNDS = 5;
const ROUND_MS = 1000;
const ALGORITHMS = ["RS256", "RS384", "RS512"] as const;

const { privateKey, publicKey, publicPem } = makeKeyPair();

function make(header: string, claims: string, key: KeyObject = privateKey): string {
  return signParts(header, claims, key);
}

const HEADER = '{"alg":"RS256","typ":"JWT"}';
const CLAIMS = `{"username":"api-1-demo","iat":${Date.now() / 1000}}`;
const good = make(HEADER, CLAIMS);
const fastJwt = createVerifier({ key: publicPem, algorithms: [...ALGORITHMS], cache: false });

/** Each resolves where it accepts the assertion and rejects or throws where it doesn't. */
const contenders: Record<string, (assertion: string) => unknown> = {
  own: (assertion) => {
    const parsed = parseAssertion(assertion);
    checkHeader(parsed.unverifiedHeader);
    parseClaims(parsed.unverifiedClaims);
    if (!verify("sha256", Buffer.from(parsed.signingInput), publicKey, parsed.signature)) throw new Error("signature");
    return parsed;
  },
  jose: async (assertion) => compactVerify(assertion, publicKey, { algorithms: [...ALGORITHMS] }),
  "fast-jwt": (assertion) => fastJwt(assertion) as unknown,
  jsonwebtoken: (assertion) => jsonwebtoken.verify(assertion, publicKey, { algorithms: [...ALGORITHMS] }),
};

const rates: Record<string, number[]> = {};
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(contenders)) {
    const startedAt = performance.now();
    let count = 0;
    while (performance.now() - startedAt < ROUND_MS) {
      // 32 at once, as under load.
      await Promise.all(Array.from({ length: 32 }, () => run(good)));
      count += 32;
    }
    (rates[name] ??= []).push(count / ((performance.now() - startedAt) / 1000));
  }
}
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const own = median(rates["own"] ?? []);
for (const [name, values] of Object.entries(rates)) {
  process.stdout.write(
    `${name.padEnd(14)} ${Math.round(median(values))}/s  ${(median(values) / own).toFixed(2)} of own\n`,
  );
}

const [header = "", claims = "", signature = ""] = good.split(".");
const hmacText = `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.${claims}`;
const doubtful: Record<string, string> = {
  "duplicate member in the claims": make(HEADER, '{"username":"a","username":"api-1-demo","iat":1}'),
  "duplicate member in the header": make('{"alg":"none","alg":"RS256"}', CLAIMS),
  "crit in the header": make('{"alg":"RS256","crit":["exp"],"exp":1}', CLAIMS),
  "padding behind the signature": `${good}==`,
  "white space inside the signature": `${header}.${claims}.${signature.slice(0, 9)}\n${signature.slice(9)}`,
  "other trailing bits in the signature": `${header}.${claims}.${otherTrailingBits(signature)}`,
  "a plain base64 signature": `${header}.${claims}.${Buffer.from(signature, "base64url").toString("base64").replace(/=+$/, "")}`,
  "over 8 KiB": make(HEADER, CLAIMS.replace("}", `,"x":"${"x".repeat(9000)}"}`)),
  "HS256 with the public PEM": `${hmacText}.${createHmac("sha256", publicPem).update(hmacText).digest("base64url")}`,
};
process.stdout.write("\n");
for (const [what, assertion] of Object.entries(doubtful)) {
  const verdicts: string[] = [];
  for (const [name, run] of Object.entries(contenders)) {
    const refused = await Promise.resolve()
      .then(() => run(assertion))
      .then(
        () => false,
        () => true,
      );
    verdicts.push(`${name} ${refused ? "refuses" : "ACCEPTS"}`);
  }
  process.stdout.write(`${what.padEnd(38)} ${verdicts.join(", ")}\n`);
}

/** 256 bytes leave two unused bits in the last character. */
function otherTrailingBits(text: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.slice(0, -1) + (alphabet[alphabet.indexOf(text.slice(-1)) + 1] ?? "");
}
