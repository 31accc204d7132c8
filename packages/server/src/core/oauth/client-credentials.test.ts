import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { createSystemRandom } from "../../platform/random.ts";
import {
  type AssertionParts,
  buildAssertion,
  exampleClaims,
  exampleClientClaims,
} from "../../testing/build-assertion.ts";
import { encodePart } from "../../../../../test/testkit/sign-assertion.ts";
import { countRsaOperations } from "../../testing/count-rsa.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { refusalOf } from "../../testing/refusal-of.ts";
import { createTestClock, EXAMPLE_NOW_MICROSECONDS } from "../../testing/test-clock.ts";
import { createTestRandom } from "../../testing/test-random.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { testSigningKeys } from "../../testing/test-signing-keys.ts";
import { type TestViewKey, testViewUser } from "../../testing/test-view.ts";
import { endpointAudiences } from "../assertion/audiences.ts";
import { createFindSigner } from "../assertion/find-signer.ts";
import { createIssueToken } from "../issue-token.ts";
import { Refusal } from "../refusal.ts";
import { openRegistryView } from "../view/view.ts";
import type { ViewUser } from "../view/view-user.ts";
import type { UsedAssertion } from "./store.ts";
import { verifyToken } from "../token/verify-token.ts";
import { createAssertionLedger } from "./assertion-ledger.ts";
import { createAuthenticateClient, JWT_BEARER_ASSERTION } from "./authenticate-client.ts";
import { createGrantClientCredentials, type TokenRequest } from "./client-credentials.ts";

const NOW_MS = EXAMPLE_NOW_MICROSECONDS / 1000;
const alice = rsaKeyPair("alice");
const bob = rsaKeyPair("bob");
const signingKeys = testSigningKeys(1);
const aliceKey: TestViewKey = { id: 3, publicKey: alice.publicKey, thumbprint: "thumb-3" };

function assertionOf(claims: Readonly<Record<string, unknown>> = {}, header?: AssertionParts["header"], key = alice) {
  const all = { ...exampleClientClaims(), ...claims };
  return buildAssertion(key.privateKey, { claims: all, ...(header !== undefined && { header }) });
}

function request(changes: Partial<TokenRequest> = {}): TokenRequest {
  return {
    grantType: "client_credentials",
    scope: undefined,
    ttl: undefined,
    clientId: undefined,
    assertionType: JWT_BEARER_ASSERTION,
    assertion: assertionOf(),
    ...changes,
  };
}

/** The endpoint over users in memory, which records what was looked up and which assertions were used up. */
function endpointFor(
  users: readonly ViewUser[],
  useAssertions?: (batch: readonly UsedAssertion[]) => Promise<boolean[]>,
) {
  const lookups: string[] = [];
  const burnt: string[] = [];
  const refused: (readonly [username: string, code: string])[] = [];
  const used: number[] = [];
  const clock = createTestClock();
  const seen = new Set<string>();
  const ledger = createAssertionLedger(
    {
      use:
        useAssertions ??
        (async (batch) =>
          batch.map(({ userId, jtiHash }) => {
            burnt.push(jtiHash);
            const isFirst = !seen.has(`${userId} ${jtiHash}`);
            seen.add(`${userId} ${jtiHash}`);
            return isFirst;
          })),
    },
    clock,
  );
  const view = {
    findUser(username: string) {
      lookups.push(username);
      return users.find((user) => user.username === username);
    },
  };
  const audiences = endpointAudiences("https://auth.example").token;
  const grant = createGrantClientCredentials(
    createAuthenticateClient(createFindSigner(view), clock, audiences, ledger, (username, error) =>
      refused.push([username, error instanceof Refusal ? error.code : "defect"]),
    ),
    createIssueToken(signingKeys, createTestRandom(), (keyId) => used.push(keyId)),
  );
  return { grant, lookups, burnt, used, refused, clock };
}

function endpointWith(key: Partial<TestViewKey> = {}, user: Parameters<typeof testViewUser>[1] = {}) {
  return endpointFor([testViewUser([{ ...aliceKey, ...key }], user)]);
}

test("a refused client assertion is recorded with the user that it names, and an accepted one isn't", async () => {
  const { grant, refused } = endpointWith();
  await grant(request());
  assert.deepEqual(refused, []);
  const { sub: username } = exampleClientClaims() as { sub: string };
  await refusalOf(grant(request()));
  await refusalOf(grant(request({ assertion: assertionOf({ jti: "another", aud: "https://elsewhere.example" }) })));
  await refusalOf(grant(request({ assertion: assertionOf({ jti: "another" }, undefined, bob) })));
  await refusalOf(grant(request({ assertion: "no assertion" })));
  assert.deepEqual(refused, [
    [username, "assertion_replayed"],
    [username, "assertion_audience"],
    [username, "assertion_rejected"],
  ]);
});

describe("a client that is limited to networks", () => {
  const networks = ["192.0.2.0/24"];
  const from = (address: string) => ({ findSource: () => ({ address }) });

  test("gets a token from one of them", async () => {
    assert.equal((await endpointWith({ networks }, { networks }).grant(request(from("192.0.2.7")))).keyId, 3);
  });

  test("is refused from elsewhere, and its assertion isn't used up", async () => {
    for (const [key, user] of [
      [{ networks }, {}],
      [{}, { networks }],
    ] as const) {
      const { grant, burnt, used } = endpointWith(key, user);
      const assertion = assertionOf();
      const refusal = await refusalOf(grant(request({ assertion, ...from("198.51.100.1") })));
      assert.equal(refusal.code, "source_not_allowed");
      assert.equal(
        (await refusalOf(grant(request({ assertion })))).code,
        "source_not_allowed",
        "from an unknown source",
      );
      assert.deepEqual([burnt, used], [[], []]);
      await grant(request({ assertion, ...from("192.0.2.7") }));
    }
  });

  test("is refused without its private key as if it weren't limited", async () => {
    const stranger = request({ assertion: assertionOf({}, undefined, bob), ...from("198.51.100.1") });
    const refusals = [
      await refusalOf(endpointWith({ networks }).grant(stranger)),
      await refusalOf(endpointWith().grant(stranger)),
    ].map(({ code, message, detail }) => ({ code, message, detail }));
    assert.equal(refusals[0]?.code, "assertion_rejected");
    assert.deepEqual(refusals[0], refusals[1]);
  });
});

describe("a client that proves possession of its private key", () => {
  test("gets a token like the exchange's, with the default lifetime", async () => {
    const { grant, used, burnt } = endpointWith();
    const { token, ...rest } = await grant(request());
    assert.deepEqual(rest, {
      issuedAtMicroseconds: EXAMPLE_NOW_MICROSECONDS,
      expiresAtMicroseconds: EXAMPLE_NOW_MICROSECONDS + 3_600_000_000,
      ttlSeconds: 3600,
      endsAtMicroseconds: EXAMPLE_NOW_MICROSECONDS + 3_600_000_000,
      warnings: [],
      keyId: 3,
    });
    const claims = verifyToken(signingKeys, token);
    assert.deepEqual(claims, { nonce: 968_668_528, userId: 1, expiresAtSeconds: 1_481_653_854, keyId: 3 });
    assert.deepEqual(used, [3]);
    assert.equal(burnt.length, 1);
  });

  test("may repeat its own name in client_id, but no other", async () => {
    const { grant, burnt, lookups } = endpointWith();
    const refusal = await refusalOf(grant(request({ clientId: "api-1-other" })));
    assert.deepEqual(
      [refusal.code, refusal.message],
      ["client_rejected", "The parameter client_id isn't the assertion's sub."],
    );
    assert.deepEqual([burnt, lookups], [[], []]);
    await grant(request({ clientId: "api-1-demo" }));
  });

  test("may ask for a lifetime within the exchange's bounds", async () => {
    for (const [ttl, seconds] of [
      ["600", 600],
      ["43200", 43_200],
    ] as const) {
      assert.equal((await endpointWith().grant(request({ ttl }))).ttlSeconds, seconds);
    }
    for (const ttl of ["599", "43201", "1e3", "+3600", "3600.5", " 3600", "x"]) {
      const { grant, burnt } = endpointWith();
      assert.equal((await refusalOf(grant(request({ ttl })))).code, "ttl_invalid", ttl);
      assert.deepEqual(burnt, [], "the assertion may be sent again");
    }
  });

  for (const alg of ["RS256", "RS384", "RS512"]) {
    test(`may sign by ${alg}`, async () => {
      await endpointWith().grant(request({ assertion: assertionOf({}, { alg }) }));
    });
  }

  test("chooses among its keys by kid, and any other kid is ignored", async () => {
    const keys: TestViewKey[] = [
      { id: 2, publicKey: bob.publicKey, thumbprint: "thumb-2" },
      { ...aliceKey, thumbprint: "thumb-3" },
    ];
    for (const kid of ["3", "thumb-3", "unknown", "", 3, null]) {
      const { grant } = endpointFor([testViewUser(keys)]);
      assert.equal((await grant(request({ assertion: assertionOf({}, { alg: "RS256", kid }) }))).keyId, 3);
    }
    for (const kid of ["2", "thumb-2"]) {
      const { grant, burnt } = endpointFor([testViewUser(keys)]);
      const refusal = await refusalOf(grant(request({ assertion: assertionOf({}, { alg: "RS256", kid }) })));
      assert.equal(refusal.code, "assertion_rejected");
      assert.deepEqual(burnt, []);
    }
  });
});

describe("what is refused before anything is looked up", () => {
  const claims = (changes: Readonly<Record<string, unknown>>) => request({ assertion: assertionOf(changes) });
  for (const [name, asked, code] of [
    ["no grant_type", request({ grantType: undefined }), "bad_request"],
    ["another grant_type", request({ grantType: "password" }), "grant_type_unsupported"],
    ["a grant_type in another case", request({ grantType: "Client_Credentials" }), "grant_type_unsupported"],
    ["no client_assertion", request({ assertion: undefined }), "client_rejected"],
    ["no client_assertion_type", request({ assertionType: undefined }), "client_rejected"],
    [
      "another client_assertion_type",
      request({ assertionType: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer" }),
      "client_rejected",
    ],
    ["a text that isn't an assertion", request({ assertion: "x" }), "assertion_malformed"],
    ["alg none", request({ assertion: assertionOf({}, { alg: "none" }) }), "assertion_algorithm"],
    ["alg HS256", request({ assertion: assertionOf({}, { alg: "HS256" }) }), "assertion_algorithm"],
    ["alg PS256", request({ assertion: assertionOf({}, { alg: "PS256" }) }), "assertion_algorithm"],
    ["crit", request({ assertion: assertionOf({}, { alg: "RS256", crit: ["b64"] }) }), "assertion_header"],
    ["no jti", claims({ jti: 1 }), "assertion_claims"],
    ["an expired assertion", claims({ exp: NOW_MS / 1000 - 60 }), "assertion_expired"],
    [
      "an assertion for the exchange",
      claims({ aud: "https://auth.example/api/auth/v0/refresh/" }),
      "assertion_audience",
    ],
    [
      "the exchange's own assertion",
      request({ assertion: buildAssertion(alice.privateKey, { claims: exampleClaims() }) }),
      "assertion_claims",
    ],
  ] as const) {
    test(`${name} (${code}), and it costs no signature check`, async () => {
      const { grant, lookups, burnt, used } = endpointWith();
      const operations = await countRsaOperations(async () => {
        assert.equal((await refusalOf(grant(asked))).code, code);
      });
      assert.equal(operations, 0);
      assert.deepEqual([lookups, burnt, used], [[], [], []]);
    });
  }
});

describe("what is refused once the claims are accepted", () => {
  test("an unknown user and a wrong key: the same answer, two signature checks each, and nothing is used up", async () => {
    const answers: unknown[] = [];
    for (const [users, assertion] of [
      [[], assertionOf()],
      [[testViewUser([aliceKey])], assertionOf({}, undefined, bob)],
      [[testViewUser([aliceKey])], assertionOf({ iss: "api-1-nobody", sub: "api-1-nobody" })],
      [[testViewUser([])], assertionOf()],
      [[testViewUser([{ ...aliceKey, publicKey: bob.publicKey }])], assertionOf()],
    ] as const) {
      const { grant, burnt } = endpointFor(users);
      const asked = request({ assertion });
      const operations = await countRsaOperations(async () => {
        const { code, message, detail } = await refusalOf(grant(asked));
        answers.push({ code, message, detail });
      });
      assert.equal(operations, 2);
      assert.deepEqual(burnt, []);
    }
    assert.equal((answers[0] as Refusal).code, "assertion_rejected");
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
  });

  for (const [code, key, user] of [
    ["key_deactivated", { status: "deactivated" }, {}],
    ["key_deactivated", { status: "revoked" }, {}],
    ["key_expired", { expiresAtMs: NOW_MS }, {}],
    ["user_deactivated", {}, { status: "deactivated" }],
    ["account_deactivated", {}, { accountStatus: "deactivated" }],
  ] as const) {
    test(`${code} (${JSON.stringify({ ...key, ...user })}), and nothing is used up`, async () => {
      const { grant, burnt, used } = endpointWith(key, user);
      assert.equal((await refusalOf(grant(request()))).code, code);
      assert.deepEqual([burnt, used], [[], []]);
    });
  }

  test("and the reason is given only to a client that holds the private key", async () => {
    const { grant } = endpointWith({ status: "deactivated" });
    assert.equal(
      (await refusalOf(grant(request({ assertion: assertionOf({}, undefined, bob) })))).code,
      "assertion_rejected",
    );
  });

  test("a scope, and nothing is used up: without it, the same request gets a token", async () => {
    const { grant, burnt } = endpointWith();
    const asked = request({ scope: "read" });
    assert.equal((await refusalOf(grant(asked))).code, "scope_unsupported");
    assert.deepEqual(burnt, []);
    await grant({ ...asked, scope: undefined });
  });
});

describe("an assertion at the token endpoint", () => {
  test("is good for one token, whatever else the request says", async () => {
    const { grant, used } = endpointWith();
    await grant(request());
    for (const again of [request(), request({ ttl: "600" }), request({ assertion: assertionOf({ nbf: 1 }) })]) {
      assert.equal((await refusalOf(grant(again))).code, "assertion_replayed");
    }
    assert.deepEqual(used, [3], "a replay uses no key");
    await grant(request({ assertion: assertionOf({ jti: "another" }) }));
  });

  test("with a wrong signature uses up nothing: a stranger can't use up a client's jti", async () => {
    const { grant } = endpointWith();
    for (let tries = 0; tries < 3; tries++) {
      assert.equal(
        (await refusalOf(grant(request({ assertion: assertionOf({}, undefined, bob) })))).code,
        "assertion_rejected",
      );
    }
    await grant(request());
  });

  test("gets no token where its use can't be recorded", async () => {
    const { grant, used } = endpointFor([testViewUser([aliceKey])], () => Promise.reject(new Error("disk full")));
    assert.equal((await refusalOf(grant(request()))).code, "unavailable");
    assert.deepEqual(used, [], "nothing was granted");
  });

  test("gets no token where the registry can't be read", async () => {
    const unavailable = new Refusal("unavailable", "The registry can't be read right now.");
    const clock = createTestClock();
    const grant = createGrantClientCredentials(
      createAuthenticateClient(
        createFindSigner({ findUser: () => Promise.reject(unavailable) }),
        clock,
        endpointAudiences("https://auth.example").token,
        { useUp: () => assert.fail("nothing is used up") },
      ),
      () => assert.fail("nothing is granted"),
    );
    assert.equal(await refusalOf(grant(request())), unavailable);
  });

  test("of any bytes gives a token or a refusal, never a defect", async () => {
    const text = fc.option(fc.oneof(fc.string({ unit: "binary" }), fc.base64String()), { nil: undefined });
    const part = fc.oneof(fc.jsonValue().map(encodePart), fc.base64String());
    const assertion = fc.oneof(
      text,
      fc.tuple(part, part, part).map((parts) => parts.join(".")),
      fc
        .dictionary(fc.constantFrom("iss", "sub", "aud", "exp", "jti", "username", "iat", "nbf"), fc.jsonValue())
        .map((claims) => assertionOf(claims)),
    );
    const { grant } = endpointWith();
    await fc.assert(
      fc.asyncProperty(assertion, text, text, text, async (given, grantType, scope, ttl) => {
        for (const asked of [
          request({ assertion: given }),
          request({ assertion: given, grantType, scope, ttl, clientId: scope, assertionType: ttl }),
        ]) {
          await grant(asked).catch((error: unknown) => assert.ok(error instanceof Refusal, String(error)));
        }
      }),
    );
  });
});

describe("on a real store", () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await openTestRegistry();
    await registry.changes.createAccount("test", { shortname: "acme" });
    await registry.changes.createUser("test", { name: "demo", account: "acme", access: "full" });
    await registry.changes.addKey("test", { username: "api-1-demo", text: alice.publicPem });
  });
  after(() => registry.close());

  async function node() {
    const store = await registry.connect();
    const { clock } = registry;
    const view = await openRegistryView(store, clock);
    const audiences = endpointAudiences("https://auth.example").token;
    return createGrantClientCredentials(
      createAuthenticateClient(
        createFindSigner(view),
        clock,
        audiences,
        createAssertionLedger(store.assertions, clock),
      ),
      createIssueToken(signingKeys, createSystemRandom(), () => undefined),
    );
  }

  test("ten uses of one assertion at once, on two nodes, get exactly one token", async () => {
    const nodes = [await node(), await node()];
    const codes = await Promise.all(
      Array.from({ length: 10 }, (_, number) =>
        (nodes[number % 2] ?? assert.fail())(request()).then(
          () => "token",
          (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
        ),
      ),
    );
    assert.deepEqual(codes.toSorted(), [...Array.from({ length: 9 }, () => "assertion_replayed"), "token"]);
    const restarted = await node();
    assert.equal((await refusalOf(restarted(request()))).code, "assertion_replayed");
  });

  test("an assertion whose use was forgotten after its expiry is refused as expired", async () => {
    const late = await node();
    const start = EXAMPLE_NOW_MICROSECONDS;
    const { exp } = exampleClientClaims() as { exp: number };
    const jti = "kept until it can't be accepted";
    await late(request({ assertion: assertionOf({ jti }) }));
    for (const offset of [-1, 0, 1]) {
      // Whatever the cleaning removes at that time, the assertion is never accepted again.
      registry.clock.setMicroseconds((exp + 60 + offset) * 1e6);
      const expiredBeforeSeconds = exp + 60 + offset;
      const before = {
        expiredBeforeSeconds,
        usageBeforeSeconds: 0,
        userRefusalsBeforeSeconds: 0,
        creationsBeforeMs: 0,
        sessionsBegunBeforeMs: 0,
        sessionsSeenBeforeMs: 0,
        unseenForMs: 0,
      };
      await registry.store.removeExpired(before, 1000);
      const { code } = await refusalOf(late(request({ assertion: assertionOf({ jti }) })));
      assert.equal(code, offset < 0 ? "assertion_replayed" : "assertion_expired");
    }
    registry.clock.setMicroseconds(start);
  });
});
