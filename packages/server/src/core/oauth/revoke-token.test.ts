import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { buildAssertion, exampleClientClaims } from "../../testing/build-assertion.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { testSigningKeys } from "../../testing/test-signing-keys.ts";
import { type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { endpointAudiences } from "../assertion/audiences.ts";
import { createFindSigner } from "../assertion/find-signer.ts";
import { type CheckToken, createCheckToken } from "../check.ts";
import { Refusal } from "../refusal.ts";
import { findChainBreak } from "../feed/audit-chain.ts";
import type { ApiUserId } from "../users/model.ts";
import type { Store } from "../store/store.ts";
import { openRegistryView, type RegistryView } from "../view/view.ts";
import { mintToken } from "../token/mint-token.ts";
import { formatTokenId } from "../token/token-identity.ts";
import { createAssertionLedger } from "./assertion-ledger.ts";
import { createAuthenticateClient, JWT_BEARER_ASSERTION } from "./authenticate-client.ts";
import { createRevokeToken, REVOKED_TOKENS_PER_USER_MAX, type RevocationRequest } from "./revoke-token.ts";

const alice = rsaKeyPair("alice");
const bob = rsaKeyPair("bob");
const signingKeys = testSigningKeys(1);
const NOW_SECONDS = 1_481_650_253;
/** A token of api-1-demo, under its first key. */
const CLAIMS = { nonce: 7, userId: 1, expiresAtSeconds: NOW_SECONDS + 3600, keyId: 1 };
const token = mintToken(signingKeys, CLAIMS);
const sibling = mintToken(signingKeys, { ...CLAIMS, nonce: 8 });

/** One process of the service. */
interface Node {
  readonly revoke: (request: Partial<RevocationRequest>) => Promise<void>;
  readonly check: CheckToken;
  readonly view: RegistryView;
  readonly watched: WatchedStore;
}

let registry: TestRegistry;
let node: Node;
const opened: TestRegistry[] = [];
let jtis = 0;

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  await registry.changes.createAccount("test", { shortname: "acme" });
  for (const [name, pair] of [
    ["demo", alice],
    ["other", bob],
  ] as const) {
    await registry.changes.createUser("test", { name, account: "acme", access: "full" });
    await registry.changes.addKey("test", { username: `api-1-${name}`, text: pair.publicPem });
  }
  node = await startNode(registry.store);
});
after(async () => {
  for (const each of opened) await each.close();
});

async function startNode(store: Store): Promise<Node> {
  const { clock } = registry;
  const watched = watchStore(store);
  const view = await openRegistryView(watched.store, clock);
  const audiences = endpointAudiences("https://auth.example").revocation;
  const revoke = createRevokeToken({
    authenticateClient: createAuthenticateClient(
      createFindSigner(view),
      clock,
      audiences,
      createAssertionLedger(store.assertions, clock),
    ),
    signingKeys,
    store,
    clock,
    onChanged: () => view.feed.catchUp(),
  });
  return {
    revoke: (request) =>
      revoke({
        clientId: undefined,
        assertionType: JWT_BEARER_ASSERTION,
        assertion: "assertion" in request ? request.assertion : assertionOf(),
        token,
        ...request,
      }),
    check: createCheckToken({ view, signingKeys, clock }),
    view,
    watched,
  };
}

function assertionOf(claims: Readonly<Record<string, unknown>> = {}, username = "api-1-demo", pair = alice): string {
  jtis++;
  const all = { ...exampleClientClaims(username, `jti ${jtis}`), aud: "https://auth.example/oauth2/revoke", ...claims };
  return buildAssertion(pair.privateKey, { claims: all });
}

async function reasonOf(text: string, at = node): Promise<string> {
  const verdict = await at.check(text);
  return verdict.active ? "active" : verdict.reason;
}

async function codeOf(revoking: Promise<void>): Promise<string> {
  return revoking.then(
    () => "done",
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      return error.code;
    },
  );
}

const eventCount = async () => (await registry.store.events.last()).seq;

describe("revoking a token", () => {
  test("ends that token before it is acknowledged, and not its sibling", async () => {
    assert.equal(await reasonOf(token), "active");
    await node.revoke({});
    assert.equal(await reasonOf(token), "token_revoked");
    assert.equal(await reasonOf(sibling), "active");
    assert.equal(node.view.figures().revokedTokens, 1);
  });

  test("is one event of the audit log, which names the token by its id, and its author", async () => {
    const before = await eventCount();
    await node.revoke({});
    const events = await registry.store.events.after(before, 10);
    const [event] = events;
    assert.equal(events.length, 1);
    assert.deepEqual(
      { actor: event?.actor, action: event?.action, subject: event?.subject, details: event?.details },
      {
        actor: "client:api-1-demo",
        action: "token.revoked",
        subject: `token:${formatTokenId(CLAIMS)}`,
        details: { username: "api-1-demo", key_id: 1 },
      },
    );
    assert.equal(findChainBreak(await registry.store.events.after(0, 100), undefined), undefined);
    const text = JSON.stringify(events);
    assert.ok(!text.includes(token.split(".")[1] ?? "") && !text.includes(token.split(".")[2] ?? ""));
  });

  test("a second time succeeds and changes nothing", async () => {
    await node.revoke({});
    const before = await eventCount();
    await node.revoke({});
    assert.equal(await eventCount(), before);
    assert.equal(await reasonOf(token), "token_revoked");
  });

  test("holds on another node after its next poll, and after a restart", async () => {
    const other = await startNode(await registry.connect());
    assert.equal(await reasonOf(token, other), "active");
    await node.revoke({});
    await other.view.feed.poll();
    assert.equal(await reasonOf(token, other), "token_revoked");
    const restarted = await startNode(await registry.connect());
    assert.equal(await reasonOf(token, restarted), "token_revoked");
  });

  test("that another node has revoked already ends the token here too before it is acknowledged", async () => {
    const other = await startNode(await registry.connect());
    await other.revoke({});
    assert.equal(await reasonOf(token), "active", "this node hasn't heard of it yet");
    await node.revoke({});
    assert.equal(await reasonOf(token), "token_revoked");
  });

  test("by two requests at once is one event, and both are acknowledged with the token dead", async () => {
    const before = await eventCount();
    const other = await startNode(await registry.connect());
    await Promise.all([
      node.revoke({}).then(async () => assert.equal(await reasonOf(token), "token_revoked")),
      other.revoke({}).then(async () => assert.equal(await reasonOf(token, other), "token_revoked")),
    ]);
    assert.equal(await eventCount(), before + 1);
  });

  test("may be signed by another key of the same user, and the token's own key may be deactivated", async () => {
    const carol = rsaKeyPair("carol");
    await registry.changes.addKey("test", { username: "api-1-demo", text: carol.publicPem });
    await registry.changes.setKeyStanding("test", 1 as never, "deactivated");
    await node.view.feed.catchUp();
    assert.equal(await codeOf(node.revoke({ assertion: assertionOf() })), "key_deactivated");
    await node.revoke({ assertion: assertionOf({}, "api-1-demo", carol) });
    await registry.changes.setKeyStanding("test", 1 as never, "active");
    await node.view.feed.catchUp();
    assert.equal(await reasonOf(token), "token_revoked", "also once its key is active again");
  });

  test("accepts an assertion for the revocation endpoint, the token endpoint or the issuer, each once over both endpoints", async () => {
    for (const aud of [
      "https://auth.example/oauth2/revoke",
      "https://auth.example/oauth2/token",
      "https://auth.example",
    ]) {
      const assertion = assertionOf({ aud });
      await node.revoke({ assertion });
      assert.equal(await codeOf(node.revoke({ assertion })), "assertion_replayed");
    }
    const assertion = assertionOf({ aud: "https://auth.example/api/auth/v0/refresh/" });
    assert.equal(await codeOf(node.revoke({ assertion })), "assertion_audience");
  });
});

describe("revoking what isn't a live token", () => {
  test("succeeds without a trace: expired, altered or no token at all", async () => {
    const before = await eventCount();
    for (const text of [
      "x",
      `${token}A`,
      `${token.slice(0, -1)}${token.endsWith("A") ? "Q" : "A"}`,
      mintToken(testSigningKeys(2), CLAIMS),
      mintToken(signingKeys, { ...CLAIMS, expiresAtSeconds: NOW_SECONDS }),
      // Another user's token, but expired.
      mintToken(signingKeys, { ...CLAIMS, userId: 2, keyId: 2, expiresAtSeconds: NOW_SECONDS - 1 }),
    ]) {
      assert.equal(await codeOf(node.revoke({ token: text })), "done", text);
    }
    assert.equal(await eventCount(), before);
    assert.equal((await registry.store.revokedTokens.list(0, 0, 10)).tokens.length, 0);
  });

  for (const [offset, isKept] of [
    [-1, false],
    [0, false],
    [1, true],
  ] as const) {
    test(`of a token that ends ${offset} s from now is ${isKept ? "recorded" : "not recorded"}`, async () => {
      registry.clock.setMicroseconds(NOW_SECONDS * 1e6);
      await node.revoke({ token: mintToken(signingKeys, { ...CLAIMS, expiresAtSeconds: NOW_SECONDS + offset }) });
      assert.equal((await registry.store.revokedTokens.list(0, 0, 10)).tokens.length, isKept ? 1 : 0);
    });
  }

  test("of any bytes succeeds, and is never a defect", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 120 }), async (text) => {
        assert.equal(await codeOf(node.revoke({ token: text })), "done");
      }),
      { numRuns: 30 },
    );
  });
});

describe("revoking is refused", () => {
  test("without a token, and the assertion may be sent again", async () => {
    const assertion = assertionOf();
    assert.equal(await codeOf(node.revoke({ token: undefined, assertion })), "bad_request");
    await node.revoke({ assertion });
  });

  test("for another client's token, which stays active, and the assertion may be sent again", async () => {
    const assertion = assertionOf({}, "api-1-other", bob);
    assert.equal(await codeOf(node.revoke({ assertion })), "token_foreign");
    assert.equal(await reasonOf(token), "active");
    await node.revoke({ assertion, token: mintToken(signingKeys, { ...CLAIMS, userId: 2, keyId: 2 }) });
  });

  test("to a caller that doesn't authenticate as a client", async () => {
    assert.equal(await codeOf(node.revoke({ assertion: undefined })), "client_rejected");
    assert.equal(await codeOf(node.revoke({ assertionType: undefined })), "client_rejected");
    assert.equal(await codeOf(node.revoke({ assertion: assertionOf({}, "api-1-demo", bob) })), "assertion_rejected");
    assert.equal(await codeOf(node.revoke({ clientId: "api-1-other" })), "client_rejected");
    const assertion = assertionOf();
    await node.revoke({ assertion, token: sibling });
    assert.equal(await codeOf(node.revoke({ assertion })), "assertion_replayed");
    assert.equal(await reasonOf(token), "active");
  });

  test("as unavailable where the store can't write it, and nothing is half done", async () => {
    const { clock } = registry;
    const audiences = endpointAudiences("https://auth.example").revocation;
    const revoke = createRevokeToken({
      authenticateClient: createAuthenticateClient(
        createFindSigner(node.view),
        clock,
        audiences,
        createAssertionLedger(registry.store.assertions, clock),
      ),
      signingKeys,
      store: { transaction: () => Promise.reject(new Error("database is locked")) },
      clock,
      onChanged: () => assert.fail("nothing has changed"),
    });
    const refusing = revoke({
      clientId: undefined,
      assertionType: JWT_BEARER_ASSERTION,
      assertion: assertionOf(),
      token,
    });
    await assert.rejects(refusing, (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.deepEqual([error.code, error.detail.retryAfterSeconds], ["unavailable", 1]);
      assert.match(String(error.cause), /database is locked/);
      return true;
    });
    assert.equal(await reasonOf(token), "active");
  });

  test("as unavailable where this node can't read the change: it isn't acknowledged before the token is dead here", async () => {
    node.watched.fail("events.after");
    assert.equal(await codeOf(node.revoke({})), "unavailable");
    assert.equal(
      await codeOf(node.revoke({})),
      "unavailable",
      "nor the second time, when there is nothing left to write",
    );
    node.watched.fail();
    await node.revoke({});
    assert.equal(await reasonOf(token), "token_revoked");
  });

  test(`once ${REVOKED_TOKENS_PER_USER_MAX} of the client's tokens are on the deny-list, and no sooner`, async () => {
    await registry.store.transaction(async (transaction) => {
      for (let nonce = 1; nonce < REVOKED_TOKENS_PER_USER_MAX; nonce++) {
        const of = { userId: 1 as ApiUserId, keyId: 1, nonce: 100 + nonce, expiresAtSeconds: NOW_SECONDS + 10 };
        await transaction.revokedTokens.insert(of);
      }
    });
    await node.revoke({});
    assert.equal(await codeOf(node.revoke({ token: sibling })), "rate_limited");
    assert.equal(await reasonOf(sibling), "active");
    // Another client isn't affected, and expired tokens don't count.
    const foreign = mintToken(signingKeys, { ...CLAIMS, userId: 2, keyId: 2 });
    await node.revoke({ assertion: assertionOf({}, "api-1-other", bob), token: foreign });
    registry.clock.setMicroseconds((NOW_SECONDS + 10) * 1e6);
    await node.revoke({ token: sibling });
    assert.equal(await reasonOf(sibling), "token_revoked");
  });
});
