/**
 * Exchanges and checks a second beside their upper bounds, in one run on one machine. Read the ratios, not the absolute
 * figures.
 */
import { type KeyObject } from "node:crypto";
import { join } from "node:path";
import { makeKeyPair } from "../test/testkit/rsa-keys.ts";
import { signAssertion } from "../test/testkit/sign-assertion.ts";
import {
  admin,
  cleanUp,
  load,
  mediansOf,
  onServerCore,
  printReport,
  readOptions,
  residentMiB,
  round2,
  run,
  startHello,
  startService,
} from "./support.ts";

const { rounds, seconds, connections, json } = readOptions();

/** Different assertions, so that nothing can be cached between them. */
const ASSERTIONS = 500;

try {
  const { privateKey, publicPem } = makeKeyPair();
  admin(["account", "create", "bench"]);
  admin(["user", "create", "bench", "--account", "bench"]);
  admin(["key", "add", "api-1-bench", publicPem]);
  const { publicUrl, pid, readyMs } = await startService();
  const idleMiB = residentMiB(pid);

  const refreshUrl = `${publicUrl}/api/auth/v0/refresh/?ttl=3600`;
  const checkUrl = `${publicUrl}/api/auth/v0/check/`;
  const exchanged = await fetch(refreshUrl, {
    headers: { authorization: `JWT ${signAssertion("api-1-bench", privateKey)}` },
  });
  const grant = await exchanged.text();
  const { token } = (JSON.parse(grant) as { data: { token: string } }).data;
  const helloMint = await startHello(grant);
  const helloCheck = await startHello("");

  const results = {
    hello: [] as number[],
    helloEmpty: [] as number[],
    verify: [] as number[],
    mint: [] as number[],
    check: [] as number[],
  };
  for (let round = 0; round < rounds; round++) {
    // Each gets requests of the same size, so that the baseline includes the cost of a long header.
    const assertions = Array.from({ length: ASSERTIONS }, () => `JWT ${signAssertion("api-1-bench", privateKey)}`);
    const exchanges = { seconds, connections, credentials: assertions };
    const checks = { seconds, connections, credentials: [`Token ${token}`] };
    results.hello.push(load(helloMint, exchanges));
    results.mint.push(load(refreshUrl, exchanges));
    results.helloEmpty.push(load(helloCheck, checks));
    results.check.push(load(checkUrl, checks));
    results.verify.push(verifyRate(publicPem, privateKey));
  }
  const median = mediansOf(results);
  const limit = 1 / (1 / median.hello + 1 / median.verify);
  const report = {
    node: process.version,
    ready_ms: Math.round(readyMs),
    idle_mib: Math.round(idleMiB),
    after_load_mib: Math.round(residentMiB(pid)),
    per_second: median,
    mint_limit: Math.round(limit),
    mint_of_limit: round2(median.mint / limit),
    mint_of_hello: round2(median.mint / median.hello),
    check_of_hello: round2(median.check / median.helloEmpty),
  };
  printReport(report, json);
} finally {
  await cleanUp();
}

/** RSA-2048 checks a second with a parsed key, one after the other, on the server's core. */
function verifyRate(publicPem: string, privateKey: KeyObject): number {
  const text = signAssertion("api-1-bench", privateKey);
  return Number(run([...onServerCore, process.execPath, join(import.meta.dirname, "verify-rate.ts"), publicPem, text]));
}
