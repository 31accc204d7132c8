/**
 * Token checks a second: through forward-auth and through introspection, beside a bare `node:http` server with equal answers and
 * beside the introspection of npm's oidc-provider with its memory adapter, in one run.
 */
import { join } from "node:path";
import { makeKeyPair } from "../test/testkit/rsa-keys.ts";
import { signAssertion } from "../test/testkit/sign-assertion.ts";
import {
  admin,
  cleanUp,
  load,
  mediansOf,
  printReport,
  readOptions,
  round2,
  start,
  startHello,
  startService,
} from "./support.ts";

const { rounds, seconds, connections, json } = readOptions();

interface Peer {
  readonly url: string;
  readonly authorization: string;
  readonly token: string;
}

try {
  const { privateKey, publicPem } = makeKeyPair();
  admin(["account", "create", "bench"]);
  admin(["user", "create", "bench", "--account", "bench"]);
  admin(["key", "add", "api-1-bench", publicPem]);
  const server = admin(["resource-server", "create", "bench"]) as { client_id: string; client_secret: string };
  const { publicUrl } = await startService();

  const exchanged = await fetch(`${publicUrl}/api/auth/v0/refresh/`, {
    headers: { authorization: `JWT ${signAssertion("api-1-bench", privateKey)}` },
  });
  const { token } = ((await exchanged.json()) as { data: { token: string } }).data;
  const authorization = `Basic ${Buffer.from(`${server.client_id}:${server.client_secret}`).toString("base64")}`;
  const introspectUrl = `${publicUrl}/oauth2/introspect`;
  const body = await introspect({ url: introspectUrl, authorization, token });
  const peer = JSON.parse(await start([join(import.meta.dirname, "oidc-provider-server.ts")])) as Peer;
  await introspect(peer);
  const helloEmpty = await startHello("");
  const helloBody = await startHello(body);

  const check = { seconds, connections, credentials: [`Token ${token}`] };
  const question = { seconds, connections, credentials: [authorization], form: `token=${token}` };
  const peerQuestion = { seconds, connections, credentials: [peer.authorization], form: `token=${peer.token}` };
  const results = {
    hello: [] as number[],
    check: [] as number[],
    helloPost: [] as number[],
    introspection: [] as number[],
    oidcProvider: [] as number[],
  };
  for (let round = 0; round < rounds; round++) {
    results.hello.push(load(helloEmpty, check));
    results.check.push(load(`${publicUrl}/api/auth/v0/check/`, check));
    results.helloPost.push(load(helloBody, question));
    results.introspection.push(load(introspectUrl, question));
    results.oidcProvider.push(load(peer.url, peerQuestion));
  }
  const median = mediansOf(results);
  const report = {
    node: process.version,
    per_second: median,
    check_of_hello: round2(median.check / median.hello),
    introspection_of_hello: round2(median.introspection / median.hello),
    introspection_of_hello_post: round2(median.introspection / median.helloPost),
    check_of_oidc_provider: round2(median.check / median.oidcProvider),
    introspection_of_oidc_provider: round2(median.introspection / median.oidcProvider),
  };
  printReport(report, json);
} finally {
  await cleanUp();
}

/** @returns the body of an answer that calls the token active */
async function introspect({ url, authorization, token }: Peer): Promise<string> {
  const answer = await fetch(url, { method: "POST", headers: { authorization }, body: new URLSearchParams({ token }) });
  const body = await answer.text();
  if (!body.includes('"active":true')) throw new Error(`${url} says ${answer.status} ${body}`);
  return body;
}
