#!/usr/bin/env node
// Signs an assertion with node:crypto and exchanges it for a token with fetch. Prints the token. Node.js 20 or newer.
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const fail = (...lines) => {
  console.error(lines.join("\n"));
  process.exit(1);
};

if (process.argv.length < 5 || process.argv.length > 6) {
  console.error("usage: exchange.mjs <base url> <username> <private key file> [ttl]");
  process.exit(2);
}
const [baseUrl, username, keyFile, ttl] = process.argv.slice(2);

const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
const signingInput = `${encode({ alg: "RS256", typ: "JWT" })}.${encode({ username, iat: Date.now() / 1000 })}`;
let assertion;
try {
  const key = createPrivateKey(readFileSync(keyFile));
  if (key.asymmetricKeyType !== "rsa") throw new TypeError("not an RSA key");
  assertion = `${signingInput}.${sign("sha256", Buffer.from(signingInput), key).toString("base64url")}`;
} catch {
  fail(`${keyFile} isn't a readable RSA private key in PEM.`);
}

const query = ttl === undefined ? "" : `?${new URLSearchParams({ ttl })}`;
let status;
let body;
try {
  const response = await fetch(`${baseUrl.replace(/\/$/, "")}/api/auth/v0/refresh/${query}`, {
    headers: { authorization: `JWT ${assertion}` },
    redirect: "manual",
    signal: AbortSignal.timeout(10_000),
  });
  status = response.status;
  body = await response.text();
} catch (error) {
  fail(`${baseUrl} can't be reached: ${error.cause?.code ?? error.cause?.message ?? error.message}`);
}

let answer;
try {
  answer = JSON.parse(body);
} catch {
  // Below: no token in it, and no error.
}
const token = answer?.data?.token;
const error = answer?.meta?.errors?.[0];
if (typeof token === "string") console.log(token);
else if (error?.code) fail(`${error.code}: ${error.message}`, ...(error.hint ? [`Hint: ${error.hint}`] : []));
else fail(`${baseUrl} answered ${status}, but not as this API does. Is the address right?`);
