import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CHECK_PATH, INTROSPECTION_PATH, REVOCATION_PATH } from "@countersign/protocol";
import type { KeyId } from "../../core/keys/model.ts";
import { mintToken } from "../../core/token/mint-token.ts";
import type { TokenClaims } from "../../core/token/token-codec.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { basic, postForm, send } from "../../testing/test-http.ts";
import { startTestService, type TestService } from "../../testing/test-service.ts";
import { testSigningKeys } from "../../testing/test-signing-keys.ts";

const USERNAME = "api-1-demo";
const KEY = 1 as KeyId;
const LIFE_SECONDS = 3600;

let service: TestService;
let credentials: { readonly Authorization: string };

before(async () => {
  service = await startTestService();
  const { server, secret } = await service.servers.create("test", "orders-api");
  credentials = basic(server.clientId, secret);
});

after(() => service.close());

/** The service's time, in whole seconds. */
const nowSeconds = () => Math.floor(service.clock.nowMicroseconds() / 1e6);

function mint(claims: Partial<TokenClaims> = {}, signingKey: 1 | 2 = 1): string {
  const expiresAtSeconds = nowSeconds() + LIFE_SECONDS;
  return mintToken(testSigningKeys(signingKey), { nonce: 1, userId: 1, keyId: 1, expiresAtSeconds, ...claims });
}

const ask = (token: string) => send(service.url + CHECK_PATH, "GET", { headers: { Authorization: `Token ${token}` } });

/** Status and code of the check's answer, such as `403 key_deactivated`. */
async function check(token: string): Promise<string> {
  const { status, body } = await ask(token);
  return `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? ""}`.trim();
}

async function introspect(token: string): Promise<string> {
  return (await postForm(service.url + INTROSPECTION_PATH, { token }, credentials)).body;
}

/** Deactivates things, calls `work`, and activates them again. */
async function switchedOff(off: readonly ("key" | "user" | "account")[], work: () => Promise<void>): Promise<void> {
  const set = (standing: "active" | "deactivated") =>
    Promise.all([
      off.includes("key") && service.changes.setKeyStanding("test", KEY, standing),
      off.includes("user") && service.changes.setUserStanding("test", USERNAME, standing),
      off.includes("account") && service.changes.setAccountStanding("test", "acme", standing),
    ]);
  await set("deactivated");
  await work();
  await set("active");
}

/** A further key of the user, which expires after so many seconds. */
async function addKey(name: Parameters<typeof rsaKeyPair>[0], expiresInSeconds?: number): Promise<KeyId> {
  const { id } = await service.changes.addKey("test", {
    username: USERNAME,
    text: rsaKeyPair(name).publicPem,
    ...(expiresInSeconds !== undefined && { expiresInMs: expiresInSeconds * 1000 }),
  });
  return id;
}

describe("a token that was revoked", () => {
  for (const off of ["key", "user", "account"] as const) {
    test(`is 403 ${off}_deactivated, without a challenge, and good again once the ${off} is active`, async () => {
      const token = mint();
      assert.equal(await check(token), "200");
      await switchedOff([off], async () => {
        const answer = await ask(token);
        assert.equal(answer.status, 403);
        assert.equal(answer.headers["www-authenticate"], undefined);
        assert.equal(answer.headers["x-auth-username"], undefined);
        const [item] = JSON.parse(answer.body).meta.errors;
        assert.equal(item.code, `${off}_deactivated`);
        assert.match(item.hint, /activate/);
        assert.doesNotMatch(answer.body, /api-1-demo|acme/);
      });
      assert.equal(await check(token), "200");
    });
  }

  test("is 403 key_deactivated under a revoked key, and the hint says that the key stays off", async () => {
    const keyId = await addKey("bob");
    const token = mint({ keyId });
    await service.changes.revokeKey("test", keyId);
    assert.equal(await check(token), "403 key_deactivated");
    assert.match((await ask(token)).body, /revoked.*stays off/);
  });

  test("is 403 key_expired from the key's expiry on, and 401 from its own expiry on", async () => {
    const keyId = await addKey("carol", 60);
    const token = mint({ keyId, expiresAtSeconds: nowSeconds() + 120 });
    assert.equal(await check(token), "200");
    service.clock.advanceSeconds(60);
    assert.equal(await check(token), "403 key_expired");
    service.clock.advanceSeconds(60);
    assert.equal(await check(token), "401 token_inactive");
  });

  test("is 403 token_revoked where it was revoked individually, and no other token is", async () => {
    const token = mint({ nonce: 7 });
    const form = {
      token,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: service.assertion({ exp: nowSeconds() + 60 }),
    };
    assert.equal((await postForm(service.url + REVOCATION_PATH, form)).status, 200);
    assert.equal(await check(token), "403 token_revoked");
    assert.equal(await check(mint({ nonce: 8 })), "200");

    // A reason that also keeps the client from getting another token comes first.
    await switchedOff(["key"], async () => assert.equal(await check(token), "403 key_deactivated"));
    await switchedOff(["user"], async () => assert.equal(await check(token), "403 user_deactivated"));
    assert.equal(await introspect(token), '{"active":false}');
  });

  test("is refused for its key, then for its user, then for its account", async () => {
    const token = mint();
    await switchedOff(["key", "user", "account"], async () => assert.equal(await check(token), "403 key_deactivated"));
    await switchedOff(["user", "account"], async () => assert.equal(await check(token), "403 user_deactivated"));
  });

  test("is 401 like any other once it has expired", async () => {
    const token = mint({ expiresAtSeconds: nowSeconds() });
    assert.equal(await check(token), "401 token_inactive");
    await switchedOff(["key", "user", "account"], async () => assert.equal(await check(token), "401 token_inactive"));
  });

  test("is only inactive to introspection", async () => {
    for (const off of ["key", "user", "account"] as const) {
      await switchedOff([off], async () => assert.equal(await introspect(mint()), '{"active":false}'));
    }
  });
});

describe("what isn't one of this service's tokens", () => {
  test("gets the same 401, whatever was deactivated", async () => {
    const token = mint();
    const altered = `${token.slice(0, -2)}${token.endsWith("AA") ? "BA" : "AA"}`;
    const wrong = [altered, mint({}, 2), mint({ keyId: 99 }), mint({ userId: 99 }), "x", `${token}.`];
    const bodies = new Set<string>();
    await switchedOff(["key", "user", "account"], async () => {
      for (const text of wrong) {
        const { status, headers, body } = await ask(text);
        assert.equal(status, 401);
        assert.equal(headers["www-authenticate"], 'Token realm="countersign", error="token_inactive"');
        bodies.add(body);
      }
    });
    assert.equal(bodies.size, 1);
  });
});

describe("the figures", () => {
  test("distinguish why tokens weren't active, and what was answered", async () => {
    await switchedOff(["account"], async () => assert.equal(await check(mint()), "403 account_deactivated"));
    const figures = await service.metrics();
    assert.match(figures, /^countersign_tokens_inactive_total\{reason="account_deactivated"\} [1-9]/m);
    assert.match(figures, /^countersign_refusals_total\{route="check",code="account_deactivated"\} [1-9]/m);
  });
});
