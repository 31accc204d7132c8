/**
 * The checks of the provider's answers, against a provider that answers whatever a test wants; a real one is in test/.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { Refusal } from "../core/refusal.ts";
import { createSystemClock } from "./clock.ts";
import { createOpenIdProvider } from "./openid-provider.ts";

type Claims = Readonly<Record<string, unknown>>;

describe("an answer of the identity provider", () => {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
  let issuer: string;
  /** The provider's next answer. */
  let idToken: string;
  let userInfo: Claims;

  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const documents: Readonly<Record<string, unknown>> = {
      "/.well-known/openid-configuration": {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/jwks`,
        id_token_signing_alg_values_supported: ["RS256"],
      },
      "/jwks": { keys: [{ ...pair.publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }] },
      "/token": { access_token: "a", token_type: "Bearer", id_token: idToken },
      "/userinfo": userInfo,
    };
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(documents[path]));
  });

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    issuer = `http://127.0.0.1:${address.port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  function jwt(claims: Claims, key: KeyObject | undefined, alg = "RS256"): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg, kid: "1" })}.${part(claims)}`;
    return `${signed}.${key === undefined ? "" : sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
  }

  async function finish(claims: Claims, key: KeyObject | undefined = pair.privateKey, alg?: string) {
    const provider = createOpenIdProvider(
      { issuer, clientId: "console", clientSecret: "secret", scope: "openid email", groupsClaim: "groups" },
      createSystemClock(),
    );
    const { flow } = await provider.start("state", "http://localhost/callback", false);
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: issuer, sub: "alice", aud: "console", nonce: flow.nonce, iat: now, exp: now + 300 };
    idToken = jwt({ ...usual, ...claims }, key, alg);
    return provider.finish(new URL(`http://localhost/callback?code=c&state=state`), flow);
  }

  const ADDRESS = { email: "alice@example.com", email_verified: true, groups: ["g"] };
  const isRefused = (error: unknown) => error instanceof Refusal && error.code === "single_sign_on_failed";

  test("names an operator only if its ID token is signed by a key of the provider", async () => {
    const user = await finish(ADDRESS);
    assert.deepEqual(
      [user.issuer, user.subject, user.email, user.isEmailVerified],
      [issuer, "alice", ADDRESS.email, true],
    );
    await assert.rejects(finish(ADDRESS, stranger.privateKey), isRefused);
    await assert.rejects(finish(ADDRESS, undefined, "none"), isRefused);
  });

  for (const [what, wrong] of [
    ["for another client", { aud: "other" }],
    ["for two clients, and another party", { aud: ["console", "other"], azp: "other" }],
    ["for another sign-in", { nonce: "other" }],
    ["of another issuer", { iss: "https://idp.example" }],
    ["that has ended", { exp: 1_700_000_000 }],
    ["without a subject", { sub: undefined }],
  ] as const) {
    test(`refuses an ID token ${what}`, async () => {
      await assert.rejects(finish({ ...ADDRESS, ...wrong }), isRefused);
    });
  }

  test("refuses user info about another subject", async () => {
    userInfo = { sub: "mallory", email: "mine@example.com", email_verified: true, groups: ["g"] };
    await assert.rejects(finish({}), isRefused);
  });

  test("takes an address and whether it is verified from one document: user info doesn't verify the ID token's address", async () => {
    userInfo = { sub: "alice", email: "mine@example.com", email_verified: true, groups: ["g"] };
    const mixed = await finish({ email: "victim@example.com" });
    assert.deepEqual([mixed.email, mixed.isEmailVerified], ["victim@example.com", undefined]);
    const fromInfo = await finish({});
    assert.deepEqual([fromInfo.email, fromInfo.isEmailVerified], ["mine@example.com", true]);
  });

  test("says when the provider asked for credentials, if the provider does", async () => {
    assert.equal((await finish({ ...ADDRESS, auth_time: 1_700_000_000 })).authenticatedAtMs, 1_700_000_000_000);
    assert.equal((await finish({ ...ADDRESS, auth_time: 1_700_000_000.0009 })).authenticatedAtMs, 1_700_000_000_000);
    for (const authTime of [undefined, 2 ** 32, 1e300]) {
      assert.equal((await finish({ ...ADDRESS, auth_time: authTime })).authenticatedAtMs, undefined, String(authTime));
    }
  });
});
