/**
 * A process that serves only the public listener, with the database user of docs/listeners.md: everything that clients do works,
 * and what operators keep secret can't be read.
 */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import pg from "pg";
import { postForm, send } from "../../packages/server/src/testing/test-http.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres } from "../testkit/postgres.ts";
import { createApiUser, startServer } from "../testkit/server.ts";
import { signAssertion, signParts } from "../testkit/sign-assertion.ts";

const DOCS = readFileSync(join(import.meta.dirname, "..", "..", "docs", "listeners.md"), "utf8");

test("a public process needs no more rights in the database than the documentation grants", async () => {
  const grants = /```sql\n([^]*?)```/.exec(DOCS)?.[1] ?? assert.fail("the documentation has no grants");
  const postgres = await startPostgres();
  after(() => postgres.stop());
  const env = { COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64") };
  const ownersUrl = new URL(postgres.url());
  ownersUrl.searchParams.set("sslmode", "disable");
  const internal = await startServer({
    flags: ["--listen-only", "internal"],
    env: { ...env, COUNTERSIGN_DATABASE_URL: ownersUrl.href },
  });
  after(() => internal.stop());
  await postgres.query(grants.replace("'…'", "'of-the-tests'"));

  const url = new URL(ownersUrl);
  [url.username, url.password] = ["countersign_public", "of-the-tests"];
  const server = await startServer({
    flags: ["--listen-only", "public"],
    env: { ...env, COUNTERSIGN_DATABASE_URL: url.href },
  });
  after(() => server.stop());
  const { publicUrl } = server;

  const user = await createApiUser(internal, { flags: ["--may-rotate"] });
  const key = createPrivateKey(readFileSync(user.privateKeyFile));
  const token = await eventually("the exchange knows the key", async () => {
    const headers = { authorization: `JWT ${signAssertion(user.username, key)}` };
    const { status, body } = await send(`${publicUrl}/api/auth/v0/refresh/`, "GET", { headers });
    return status === 200 ? (JSON.parse(body) as { data: { token: string } }).data.token : undefined;
  });
  const check = () => send(`${publicUrl}/api/auth/v0/check/`, "GET", { headers: { authorization: `Token ${token}` } });
  assert.equal((await check()).status, 200);

  // OAuth clients' assertions are recorded, and so is a revoked token.
  const nowSeconds = Math.floor(Date.now() / 1000);
  const clientAssertion = (path: string) => {
    const aud = `${publicUrl}${path}`;
    const claims = { iss: user.username, sub: user.username, aud, exp: nowSeconds + 60, jti: randomUUID() };
    return {
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: signParts({ alg: "RS256" }, claims, key),
    };
  };
  const granted = await postForm(`${publicUrl}/oauth2/token`, {
    grant_type: "client_credentials",
    ...clientAssertion("/oauth2/token"),
  });
  assert.equal(granted.status, 200, granted.body);
  const revoked = await postForm(`${publicUrl}/oauth2/revoke`, { token, ...clientAssertion("/oauth2/revoke") });
  assert.equal(revoked.status, 200, revoked.body);
  assert.equal((await check()).status, 403);

  // A client adds its next key with a proof, and revokes the old one.
  const next = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const challenge = await send(`${publicUrl}/api/auth/v0/key-challenges/`, "POST");
  const { nonce } = (JSON.parse(challenge.body) as { data: { nonce: string } }).data;
  const proofClaims = { aud: publicUrl, sub: user.username, nonce, iat: nowSeconds };
  const aud = `${publicUrl}/api/auth/v0/keys/`;
  const rotated = await send(aud, "POST", {
    headers: {
      authorization: `JWT ${signAssertion(user.username, key, { claims: { aud } })}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      public_key: next.publicKey.export({ type: "spki", format: "pem" }),
      proof: signParts({ alg: "RS256", typ: "key-proof+jwt" }, proofClaims, next.privateKey),
    }),
  });
  assert.equal(rotated.status, 201, rotated.body);
  const jwk = createPublicKey(key).export({ format: "jwk" });
  const header = { alg: "RS256", typ: "key-revocation+jwt", jwk };
  const statement = signParts(header, { purpose: "revoke this key for good" }, key);
  const ended = await send(`${publicUrl}/api/auth/v0/revoke-key/`, "POST", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ revocation: statement }),
  });
  assert.equal(ended.status, 200, ended.body);

  // A refusal that the user's page shows.
  const refused = await send(`${publicUrl}/api/auth/v0/refresh/`, "GET", {
    headers: { authorization: `JWT ${signAssertion(user.username, key)}` },
  });
  assert.equal(refused.status, 403, refused.body);
  // The node knows a new signing key, and may activate it.
  await internal.json("signing-key", "rotate");
  await server.stop();
  assert.doesNotMatch(server.stderr(), /permission denied|"level":"(error|fatal)"/);

  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  for (const statement of [
    "select email from operators",
    "select * from admin_tokens",
    "select * from webhooks",
    "update api_users set status = 'active'",
    "delete from audit_events",
    "update audit_events set actor = 'nobody'",
  ]) {
    await assert.rejects(client.query(statement), /permission denied/, statement);
  }
  await client.end();
});
