/**
 * The OAuth 2 endpoints as clients use them: common OAuth libraries against a real server, and the guarantees for
 * tokens and assertions through restarts, crashes and a second process on the same store.
 *
 * Where Python's requests or PyJWT is missing, its tests are skipped, and fail where `CI` is set.
 */
import assert from "node:assert/strict";
import { createPrivateKey, type KeyObject, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { assertRefusalsDeclared } from "../testkit/declared-refusals.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI, type Requirement } from "../testkit/requirements.ts";
import { runProgram } from "../testkit/run-program.ts";
import { createApiUser, startServer, tokenCommand, type TestApiUser, type TestServer } from "../testkit/server.ts";
import { signParts } from "../testkit/sign-assertion.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

let server: TestServer;
let user: TestApiUser;
let privateKey: KeyObject;
let shop: { readonly client_id: string; readonly client_secret: string };

before(async () => {
  server = await startServer({ flags: ["--refusal-limit", "0"] });
  user = await createApiUser(server);
  privateKey = createPrivateKey(readFileSync(user.privateKeyFile, "utf8"));
  shop = await server.json("resource-server", "create", "shop");
  insertExpired();
});
after(async () => {
  try {
    await assertRefusalsDeclared(server);
  } finally {
    await server.stop();
  }
});

/** Changes the store behind the server's back. */
function withDatabase<Result>(work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(join(server.dataDir, "countersign.db"), { timeout: 60_000 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/**
 * Rows that expired eleven minutes ago, as an older server may have left them, and rows that expired nine minutes ago.
 */
function insertExpired(): void {
  const nowSeconds = Math.floor(Date.now() / 1000);
  withDatabase((database) => {
    for (const [nonce, minutes] of [
      [1, 11],
      [2, 9],
    ] as const) {
      const at = nowSeconds - minutes * 60;
      database.exec(
        `insert into revoked_tokens (user_id, key_id, nonce, expires_at_s) values (1, 1, ${nonce}, ${at});
         insert into used_assertions (user_id, jti_hash, expires_at_s) values (1, 'expired ${nonce}', ${at});`,
      );
    }
  });
}

/** The private key as a WebCrypto key, which both libraries accept. */
function webCryptoKey(): Promise<CryptoKey> {
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  return crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), ALGORITHM, false, ["sign"]);
}

/** An assertion for an OAuth endpoint, with a new jti by default. */
function clientAssertion(at: TestServer, claims: Readonly<Record<string, unknown>> = {}): string {
  const exp = Math.floor(Date.now() / 1000) + 60;
  const all = { iss: user.username, sub: user.username, aud: at.publicUrl, exp, jti: randomUUID(), ...claims };
  return signParts(JSON.stringify({ alg: "RS256" }), JSON.stringify(all), privateKey);
}

function post(at: TestServer, path: string, form: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(at.publicUrl + path, { method: "POST", body: new URLSearchParams(form) });
}

const assertionForm = (assertion: string) => ({ client_assertion_type: JWT_BEARER, client_assertion: assertion });

/** Requests a token, and returns the status and the OAuth error, if any, with the service's own code. */
async function ask(at: TestServer, assertion = clientAssertion(at)): Promise<{ outcome: string; token: string }> {
  const response = await post(at, "/oauth2/token", { grant_type: "client_credentials", ...assertionForm(assertion) });
  const body = (await response.json()) as { access_token?: string; error?: string; error_uri?: string };
  return {
    outcome: [response.status, body.error, body.error_uri?.split("#")[1]].filter(Boolean).join(" "),
    token: body.access_token ?? "",
  };
}

async function mint(at: TestServer): Promise<string> {
  const { outcome, token } = await ask(at);
  assert.equal(outcome, "200");
  return token;
}

async function revoke(at: TestServer, token: string, claims: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const response = await post(at, "/oauth2/revoke", { token, ...assertionForm(clientAssertion(at, claims)) });
  assert.equal(response.status, 200, await response.text());
}

async function checkStatus(at: TestServer, token: string): Promise<number> {
  const response = await fetch(`${at.publicUrl}/api/auth/v0/check/`, { headers: { Authorization: `Bearer ${token}` } });
  await response.text();
  return response.status;
}

const isDead = (at: TestServer, token: string) =>
  eventually("the token is dead", async () => (await checkStatus(at, token)) === 403);

describe("openid-client", () => {
  test("discovers, gets a token by private_key_jwt, and revokes it", async () => {
    const config = await openid.discovery(
      new URL(server.publicUrl),
      user.username,
      undefined,
      openid.PrivateKeyJwt(await webCryptoKey()),
      { algorithm: "oauth2", execute: [openid.allowInsecureRequests] },
    );
    assert.equal(config.serverMetadata().token_endpoint, `${server.publicUrl}/oauth2/token`);
    const grant = await openid.clientCredentialsGrant(config);
    assert.deepEqual([grant.token_type, grant.expires_in], ["bearer", 3600]);
    assert.equal(await checkStatus(server, grant.access_token), 200);
    const short = await openid.clientCredentialsGrant(config, { ttl: "900" });
    assert.equal(short.expires_in, 900);
    await openid.tokenRevocation(config, grant.access_token, { token_type_hint: "access_token" });
    assert.equal(await checkStatus(server, grant.access_token), 403);
    assert.equal(await checkStatus(server, short.access_token), 200);
    await assert.rejects(openid.clientCredentialsGrant(config, { scope: "read" }), (error: unknown) => {
      assert.ok(error instanceof openid.ResponseBodyError);
      assert.deepEqual([error.status, error.error], [400, "invalid_scope"]);
      return true;
    });
  });

  for (const [name, authentication] of [
    ["the Authorization header", (secret: string) => openid.ClientSecretBasic(secret)],
    ["the form", (secret: string) => openid.ClientSecretPost(secret)],
  ] as const) {
    test(`introspects as a resource server, with its secret in ${name}`, async () => {
      const config = await openid.discovery(
        new URL(server.publicUrl),
        shop.client_id,
        undefined,
        authentication(shop.client_secret),
        { algorithm: "oauth2", execute: [openid.allowInsecureRequests] },
      );
      const found = await openid.tokenIntrospection(config, await mint(server));
      assert.deepEqual(
        [found.active, found.client_id, found.username, found.iss, found["account"], found["key_id"]],
        [true, user.username, user.username, server.publicUrl, "acme", user.keyId],
      );
      assert.deepEqual(await openid.tokenIntrospection(config, "x"), { active: false });
    });
  }
});

describe("oauth4webapi", () => {
  const insecure = { [oauth.allowInsecureRequests]: true };

  test("discovers, gets a token, introspects and revokes it, checking every answer's form", async () => {
    const issuer = new URL(server.publicUrl);
    const discovered = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oauth2" });
    const as = await oauth.processDiscoveryResponse(issuer, discovered);
    const client = { client_id: user.username };
    const authentication = oauth.PrivateKeyJwt(await webCryptoKey());
    const granted = await oauth.clientCredentialsGrantRequest(as, client, authentication, {}, insecure);
    const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, granted);

    const resourceServer = { client_id: shop.client_id };
    const secret = oauth.ClientSecretBasic(shop.client_secret);
    const introspect = async () =>
      oauth.processIntrospectionResponse(
        as,
        resourceServer,
        await oauth.introspectionRequest(as, resourceServer, secret, token, insecure),
      );
    assert.equal((await introspect()).active, true);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token, insecure));
    assert.deepEqual(await introspect(), { active: false });
  });

  test("reads a refusal as OAuth's error, and a challenge as one", async () => {
    const as = { issuer: server.publicUrl, introspection_endpoint: `${server.publicUrl}/oauth2/introspect` };
    const wrong = oauth.ClientSecretBasic("csrs_wrong");
    const resourceServer = { client_id: shop.client_id };
    const response = await oauth.introspectionRequest(as, resourceServer, wrong, "x", insecure);
    await assert.rejects(oauth.processIntrospectionResponse(as, resourceServer, response), (error: unknown) => {
      assert.ok(error instanceof oauth.WWWAuthenticateChallengeError, String(error));
      assert.equal(error.cause[0]?.scheme, "basic");
      return true;
    });
  });
});

const PYTHON = "/usr/bin/python3";
const REQUESTS: Requirement = {
  name: "Python's requests and PyJWT with cryptography",
  debianPackages: "python3-requests python3-jwt python3-cryptography",
  probes: [[PYTHON, "-c", "import cryptography, jwt, requests"]],
};

const missing = await findMissing(REQUESTS);
describe("Python's requests and PyJWT", { skip: missing !== undefined && !IS_CI && missing }, () => {
  test("get, introspect and revoke a token in a hand-written client", async () => {
    assert.equal(missing, undefined);
    const program = `
import sys, time, uuid, json, jwt, requests
username, key_file, base, client_id, client_secret = sys.argv[1:]
key = open(key_file).read()
metadata = requests.get(base + "/.well-known/oauth-authorization-server").json()
def client():
    claims = {"iss": username, "sub": username, "aud": metadata["issuer"], "exp": int(time.time()) + 60, "jti": str(uuid.uuid4())}
    return {"client_assertion_type": "${JWT_BEARER}", "client_assertion": jwt.encode(claims, key, algorithm="RS256")}
token = requests.post(metadata["token_endpoint"], data={"grant_type": "client_credentials", **client()}).json()["access_token"]
def introspect():
    return requests.post(metadata["introspection_endpoint"], data={"token": token}, auth=(client_id, client_secret)).json()
before = introspect()
revoked = requests.post(metadata["revocation_endpoint"], data={"token": token, **client()})
print(json.dumps([before["active"], before["username"], revoked.status_code, revoked.text, introspect()]))`;
    const { stdout, stderr } = await runProgram(PYTHON, [
      "-c",
      program,
      user.username,
      user.privateKeyFile,
      server.publicUrl,
      shop.client_id,
      shop.client_secret,
    ]);
    assert.equal(stderr, "");
    assert.deepEqual(JSON.parse(stdout), [true, user.username, 200, "", { active: false }]);
  });
});

describe("a token from the OAuth endpoint", () => {
  test("is accepted by the check and ends with its key, like one from the exchange", async () => {
    const { keyId } = user;
    const token = await mint(server);
    assert.equal(await checkStatus(server, token), 200);
    await server.json("key", "deactivate", String(keyId));
    await isDead(server, token);
    assert.equal((await ask(server)).outcome, "401 invalid_client key_deactivated");
    await server.json("key", "activate", String(keyId));
    await eventually("the token works again", async () => (await checkStatus(server, token)) === 200);
  });

  test("is revoked individually: other tokens of the key stay valid, including one from the exchange", async () => {
    const [token, sibling] = [await mint(server), await mint(server)];
    const exchanged = await server.cli(...tokenCommand(server, user));
    await revoke(server, token);
    assert.equal(await checkStatus(server, token), 403);
    assert.equal(await checkStatus(server, sibling), 200);
    assert.equal(await checkStatus(server, exchanged.stdout.trim()), 200);
    await revoke(server, exchanged.stdout.trim());
    assert.equal(await checkStatus(server, exchanged.stdout.trim()), 403);
    const { stdout } = await server.cli("check", token);
    assert.equal(stdout, "inactive: token_revoked\nThis token was revoked individually.\n");
  });
});

describe("an acknowledged revocation or grant", () => {
  test("survives a restart, and a crash right after it", async () => {
    // The same port each time, so that an assertion's aud stays right.
    const flags = ["--public-url", server.publicUrl];
    const start = () => startServer({ dataDir: server.dataDir, flags });
    const audience = { aud: server.publicUrl };
    let node = await start();
    const [stopped, crashed, sibling] = [await mint(server), await mint(server), await mint(server)];
    const before = clientAssertion(node, audience);
    assert.equal((await ask(node, before)).outcome, "200");
    await revoke(node, stopped, audience);
    await node.stop();

    node = await start();
    assert.equal(await checkStatus(node, stopped), 403);
    assert.equal(await checkStatus(node, crashed), 200);
    assert.equal((await ask(node, before)).outcome, "401 invalid_client assertion_replayed");
    const right = clientAssertion(node, audience);
    assert.equal((await ask(node, right)).outcome, "200");
    await revoke(node, crashed, audience);
    await node.kill();

    node = await start();
    assert.equal(await checkStatus(node, crashed), 403);
    assert.equal(await checkStatus(node, sibling), 200);
    assert.equal((await ask(node, right)).outcome, "401 invalid_client assertion_replayed");
    await node.stop();
  });

  test("applies in another process on the same store: a revoked token, and a used assertion", async () => {
    // One name for both, as behind a load balancer.
    const flags = ["--public-url", server.publicUrl];
    const other = await startServer({ dataDir: server.dataDir, flags });
    const token = await mint(server);
    assert.equal(await checkStatus(other, token), 200);
    await revoke(server, token);
    await isDead(other, token);

    const assertion = clientAssertion(server);
    assert.equal((await ask(server, assertion)).outcome, "200");
    assert.equal((await ask(other, assertion)).outcome, "401 invalid_client assertion_replayed");
    const fresh = Array.from({ length: 5 }, () => clientAssertion(server));
    for (const each of fresh) {
      const outcomes = await Promise.all(
        [server, other, server, other].map(async (at) => (await ask(at, each)).outcome),
      );
      const refused = outcomes.filter((outcome) => outcome === "401 invalid_client assertion_replayed");
      assert.equal(refused.length, 3, outcomes.join(", "));
      assert.ok(outcomes.includes("200"));
    }
    await other.stop();
  });
});

test("expired rows are removed from the store automatically, ten minutes after their expiry and not earlier", async () => {
  const left = () =>
    withDatabase((database) =>
      [
        "select nonce from revoked_tokens where nonce in (1, 2)",
        "select jti_hash from used_assertions where jti_hash like 'expired %'",
      ].map((query) => database.prepare(query).all().length),
    );
  await eventually("the older ones are gone", () => left().every((count) => count === 1), 15_000);
});
