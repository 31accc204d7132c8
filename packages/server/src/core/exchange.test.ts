import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import type { RefusalCode } from "@countersign/protocol";
import fc from "fast-check";
import { createSigner } from "fast-jwt";
import { calculateJwkThumbprint, SignJWT } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { buildAssertion, exampleClaims, signingInput, unsignedAssertion } from "../testing/build-assertion.ts";
import { encodePart } from "../../../../test/testkit/sign-assertion.ts";
import { countRsaOperations } from "../testing/count-rsa.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { refusalOf } from "../testing/refusal-of.ts";
import { createTestClock, EXAMPLE_NOW_MICROSECONDS } from "../testing/test-clock.ts";
import { createTestRandom } from "../testing/test-random.ts";
import { openTestRegistry } from "../testing/test-registry.ts";
import { testSigningKeys } from "../testing/test-signing-keys.ts";
import { type TestViewKey, testViewUser } from "../testing/test-view.ts";
import type { Source } from "./check-source.ts";
import { endpointAudiences } from "./assertion/audiences.ts";
import { createFindSigner } from "./assertion/find-signer.ts";
import { createExchange, type ExchangeDependencies } from "./exchange.ts";
import { createIssueToken } from "./issue-token.ts";
import { Refusal } from "./refusal.ts";
import type { KeyId } from "./keys/model.ts";
import { openRegistryView, type RegistryView } from "./view/view.ts";
import type { ViewUser } from "./view/view-user.ts";
import { verifyToken } from "./token/verify-token.ts";

const NOW_SECONDS = EXAMPLE_NOW_MICROSECONDS / 1e6;
const NOW_MS = EXAMPLE_NOW_MICROSECONDS / 1000;
const alice = rsaKeyPair("alice");
const bob = rsaKeyPair("bob");
const long = rsaKeyPair("long", 3072);
const signingKeys = testSigningKeys(1);

/** An exchange over users in memory, which records what was looked up and which keys were reported as used. */
function exchangeFor(
  users: readonly ViewUser[],
  { view, ...overrides }: Partial<ExchangeDependencies> & { readonly view?: Pick<RegistryView, "findUser"> } = {},
) {
  const lookups: string[] = [];
  const used: [KeyId, number][] = [];
  const clock = createTestClock();
  const exchange = createExchange({
    findSigner: createFindSigner(
      view ?? {
        findUser(username) {
          lookups.push(username);
          return users.find((user) => user.username === username);
        },
      },
    ),
    clock,
    audiences: endpointAudiences("https://auth.example").exchange,
    issueToken: createIssueToken(signingKeys, createTestRandom(), (keyId, atMs) => used.push([keyId, atMs])),
    ...overrides,
  });
  return { exchange, lookups, used, clock };
}

const aliceKey: TestViewKey = { id: 3, publicKey: alice.publicKey };

function exchangeWith(key: Partial<TestViewKey> = {}, user: Parameters<typeof testViewUser>[1] = {}) {
  return exchangeFor([testViewUser([{ ...aliceKey, ...key }], user)]);
}

const REJECTED = {
  code: "assertion_rejected",
  message: "No active key of that API user verifies the assertion's signature, or there is no such user.",
  detail: {
    hint: "Check the username and the private key. If both are right, ask the administrator of this service, who can see the exact reason.",
  },
} as const;

async function rejects(promise: Promise<unknown>): Promise<void> {
  const { code, message, detail } = await refusalOf(promise);
  assert.deepEqual({ code, message, detail }, REJECTED);
}

describe("an exchange", () => {
  test("that is refused is recorded with the user that its claims name, and one that succeeds isn't", async () => {
    const refused: (readonly [username: string, code: string])[] = [];
    const { exchange } = exchangeFor([testViewUser([aliceKey])], {
      recordRefusal: (username, error) => refused.push([username, error instanceof Refusal ? error.code : "defect"]),
    });
    const send = (assertion: string) => exchange({ authorization: `JWT ${assertion}`, ttl: [] });
    await send(buildAssertion(alice.privateKey));
    assert.deepEqual(refused, []);
    const claims = (changes: object) => ({ username: "api-1-nobody", iat: 1_481_650_253, ...changes });
    await refusalOf(send(buildAssertion(alice.privateKey, { claims: claims({ iat: 1 }) })));
    await refusalOf(send(buildAssertion(alice.privateKey, { claims: claims({}) })));
    await refusalOf(send("no assertion"));
    assert.deepEqual(refused, [
      ["api-1-nobody", "assertion_stale"],
      ["api-1-nobody", "assertion_rejected"],
    ]);
  });

  test("answers the documented example with the documented payload and times", async () => {
    const { exchange, used } = exchangeWith();
    const grant = await exchange({ authorization: `JWT ${buildAssertion(alice.privateKey)}`, ttl: ["3600"] });
    assert.match(grant.token, /^1\.lM45vLVwAc5YUD5eAw\./);
    assert.deepEqual(verifyToken(signingKeys, grant.token), {
      nonce: 968_668_528,
      userId: 1,
      // 1481653853.342885 rounded up: the documented example's own token ends 0.34 s before the promised time.
      expiresAtSeconds: 1_481_653_854,
      keyId: 3,
    });
    const { token: _, ...rest } = grant;
    assert.deepEqual(rest, {
      issuedAtMicroseconds: 1_481_650_253_342_885,
      expiresAtMicroseconds: 1_481_653_853_342_885,
      ttlSeconds: 3600,
      endsAtMicroseconds: 1_481_653_853_342_885,
      warnings: [],
      keyId: 3,
    });
    assert.deepEqual(used, [[3, 1_481_650_253_342]]);
  });

  test("mints another token each time, even within one microsecond", async () => {
    const { exchange } = exchangeWith();
    const request = { authorization: `JWT ${buildAssertion(alice.privateKey)}`, ttl: [] };
    const tokens = new Set<string>();
    for (let count = 0; count < 5; count++) tokens.add((await exchange(request)).token);
    assert.equal(tokens.size, 5);
  });

  for (const alg of ["RS256", "RS384", "RS512"]) {
    test(`accepts ${alg}`, async () => {
      const { exchange } = exchangeWith();
      const assertion = buildAssertion(alice.privateKey, { header: { alg } });
      assert.equal((await exchange({ authorization: `JWT ${assertion}`, ttl: [] })).keyId, 3);
    });
  }

  for (const [micros, whole] of [
    [1_481_650_253_000_000, 1_481_653_853],
    [1_481_650_253_000_001, 1_481_653_854],
    [1_481_650_253_999_999, 1_481_653_854],
    [1_481_650_252_999_999, 1_481_653_853],
  ] as const) {
    test(`rounds a token's end up to whole seconds: issued at ${micros} µs, ends at ${whole} s`, async () => {
      const { exchange, clock } = exchangeWith();
      clock.setMicroseconds(micros);
      const grant = await exchange({ authorization: `JWT ${buildAssertion(alice.privateKey)}`, ttl: [] });
      assert.equal(grant.expiresAtMicroseconds, micros + 3_600_000_000);
      const claims = verifyToken(signingKeys, grant.token);
      assert.ok(typeof claims === "object");
      assert.equal(claims.expiresAtSeconds, whole);
      assert.ok(claims.expiresAtSeconds * 1e6 >= grant.expiresAtMicroseconds);
    });
  }

  test("accepts what jose, jsonwebtoken and fast-jwt sign", async () => {
    const { exchange } = exchangeWith();
    const claims = exampleClaims();
    const iat = Math.floor(claims.iat);
    const assertions = [
      await new SignJWT({ username: claims.username })
        .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: "3" })
        .setIssuedAt(iat)
        .setExpirationTime(iat + 60)
        .setAudience("https://auth.example/api/auth/v0/refresh/")
        .sign(alice.privateKey),
      jsonwebtoken.sign({ ...claims, iat }, alice.privatePem, { algorithm: "RS384", notBefore: 0 }),
      createSigner({ key: alice.privatePem, algorithm: "RS512" })({ ...claims, iat }),
    ];
    for (const assertion of assertions) {
      assert.equal((await exchange({ authorization: `JWT ${assertion}`, ttl: [] })).keyId, 3);
    }
  });
});

describe("the order of refusals", () => {
  /** Each row fixes one fault and leaves those below it. */
  const stale = NOW_SECONDS - 62;
  const deactivated = { status: "deactivated", expiresAtMs: NOW_MS } as const;
  const userOff = { status: "deactivated", accountStatus: "deactivated" } as const;
  const wrongClaims = { username: "", iat: "x", nbf: NOW_SECONDS + 61, exp: stale, aud: "https://other.example" };
  const signed = (parts: Parameters<typeof buildAssertion>[1], key = bob.privateKey) =>
    `JWT ${buildAssertion(key, parts)}`;
  const fine = signed({}, alice.privateKey);

  const rows: readonly (readonly [
    code: RefusalCode,
    authorization: string | undefined,
    key?: Partial<TestViewKey>,
    user?: Partial<Omit<ViewUser, "keys">>,
  ])[] = [
    ["authorization_missing", undefined],
    ["authorization_scheme", "Bearer x"],
    ["assertion_malformed", "JWT x"],
    ["assertion_algorithm", signed({ header: { alg: "none", crit: [] }, claims: wrongClaims })],
    ["assertion_header", signed({ header: { alg: "RS256", crit: [] }, claims: wrongClaims })],
    ["assertion_claims", signed({ claims: wrongClaims })],
    ["assertion_claims", signed({ claims: { ...wrongClaims, username: "nobody" } })],
    ["assertion_stale", signed({ claims: { ...wrongClaims, username: "nobody", iat: stale, nbf: stale } })],
    ["assertion_early", signed({ claims: { ...wrongClaims, username: "nobody", iat: NOW_SECONDS } })],
    ["assertion_expired", signed({ claims: { ...wrongClaims, ...exampleClaims("nobody"), nbf: stale } })],
    ["assertion_audience", signed({ claims: { ...exampleClaims("nobody"), aud: "https://other.example" } })],
    ["assertion_rejected", signed({ claims: exampleClaims("nobody") })],
    ["assertion_rejected", signed({})],
    ["key_deactivated", fine],
    ["key_deactivated", fine, { status: "revoked" }],
    ["key_expired", fine, { status: "active" }],
    ["user_deactivated", fine, { status: "active", expiresAtMs: null }],
    ["account_deactivated", fine, { status: "active", expiresAtMs: null }, { status: "active" }],
    ["ttl_invalid", fine, { status: "active", expiresAtMs: null }, { status: "active", accountStatus: "active" }],
  ];
  const LOOKED_UP = new Set<RefusalCode>([
    "assertion_rejected",
    "key_deactivated",
    "key_expired",
    "user_deactivated",
    "account_deactivated",
    "ttl_invalid",
  ]);

  for (const [index, [code, authorization, key, user]] of rows.entries()) {
    test(`reports ${code} before every fault that comes after it (${index + 1})`, async () => {
      const { exchange, lookups, used } = exchangeWith({ ...deactivated, ...key }, { ...userOff, ...user });
      const refusal = await refusalOf(exchange({ authorization, ttl: ["1e3"] }));
      assert.equal(refusal.code, code);
      assert.equal(lookups.length, LOOKED_UP.has(code) ? 1 : 0, "nothing is looked up before the claims are accepted");
      assert.deepEqual(used, []);
    });
  }

  test("costs no RSA operation before the claims are accepted, then one where a key verifies and two where none does", async () => {
    for (const [code, authorization] of rows) {
      const { exchange } = exchangeWith(deactivated, userOff);
      const operations = await countRsaOperations(() => refusalOf(exchange({ authorization, ttl: [] })));
      assert.equal(operations, code === "assertion_rejected" ? 2 : LOOKED_UP.has(code) ? 1 : 0, code);
    }
  });

  test("refuses a stale assertion before its user is looked up", async () => {
    const { exchange, lookups } = exchangeWith();
    const claims = exampleClaims("api-1-demo", NOW_SECONDS - 61.000001);
    const refusal = await refusalOf(exchange({ authorization: signed({ claims }, alice.privateKey), ttl: [] }));
    assert.equal(refusal.code, "assertion_stale");
    assert.equal(refusal.message, "The assertion's iat is 61.1 s in the past; 60 s are allowed.");
    assert.deepEqual(lookups, []);
  });
});

describe("the claims' bounds at the exchange", () => {
  for (const [name, offset, code] of [
    ["iat", -61, undefined],
    ["iat", -61.000001, "assertion_stale"],
    ["iat", 61, undefined],
    ["iat", 61.000001, "assertion_early"],
    ["nbf", 60, undefined],
    ["nbf", 60.000001, "assertion_early"],
    ["exp", -59.999999, undefined],
    ["exp", -60, "assertion_expired"],
  ] as const) {
    test(`${name} ${offset} s from now is ${code ?? "accepted"}`, async () => {
      const { exchange } = exchangeWith();
      const claims = { ...exampleClaims(), [name]: NOW_SECONDS + offset };
      const authorization = `JWT ${buildAssertion(alice.privateKey, { claims })}`;
      if (code === undefined) await assert.doesNotReject(exchange({ authorization, ttl: [] }));
      else assert.equal((await refusalOf(exchange({ authorization, ttl: [] }))).code, code);
    });
  }
});

describe("the standing of a key whose signature verifies", () => {
  const authorization = `JWT ${buildAssertion(alice.privateKey)}`;
  const ASK = "Ask the administrator of this service to activate it.";

  for (const [name, key, user, expected] of [
    [
      "a deactivated key",
      { status: "deactivated" },
      {},
      [
        "key_deactivated",
        "The key that signed the assertion is deactivated.",
        "Ask the administrator of this service to activate it, or to add a new key.",
      ],
    ],
    [
      "a key past its expiry",
      { expiresAtMs: NOW_MS - 1 },
      {},
      [
        "key_expired",
        "The key that signed the assertion is past its expiry.",
        "Make a new key pair and have its public key added.",
      ],
    ],
    [
      "a deactivated user's key",
      {},
      { status: "deactivated" },
      ["user_deactivated", "The API user is deactivated.", ASK],
    ],
    [
      "a deactivated account's key",
      {},
      { accountStatus: "deactivated" },
      ["account_deactivated", "The API user's account is deactivated.", ASK],
    ],
  ] as const) {
    test(`is reported to a client that holds the private key, and nothing is minted: ${name}`, async () => {
      const { exchange, used } = exchangeWith(key, user);
      const { code, message, detail } = await refusalOf(exchange({ authorization, ttl: [] }));
      assert.deepEqual([code, message, detail.hint], expected);
      assert.deepEqual(used, []);
    });

    test(`isn't reported to any other client: ${name}`, async () => {
      const { exchange } = exchangeWith(key, user);
      await rejects(exchange({ authorization: `JWT ${buildAssertion(bob.privateKey)}`, ttl: [] }));
    });
  }

  test("a revoked key is refused like a deactivated one", async () => {
    const { exchange } = exchangeWith({ status: "revoked" });
    const refusal = await refusalOf(exchange({ authorization, ttl: [] }));
    assert.equal(refusal.code, "key_deactivated");
    assert.equal(refusal.message, "The key that signed the assertion is revoked.");
    assert.equal(refusal.detail.hint, "It stays off. Make a new key pair and have its public key added.");
  });

  for (const [offsetMs, code] of [
    [1, undefined],
    [0.001, undefined],
    [1000, undefined],
    [0, "key_expired"],
    [-0.001, "key_expired"],
    [-1000, "key_expired"],
  ] as const) {
    test(`a key that expires ${offsetMs} ms from now is ${code ?? "accepted"}`, async () => {
      const { exchange } = exchangeWith({ expiresAtMs: NOW_MS + offsetMs });
      if (code === undefined) await assert.doesNotReject(exchange({ authorization, ttl: [] }));
      else assert.equal((await refusalOf(exchange({ authorization, ttl: [] }))).code, code);
    });
  }
});

describe("a user or key that is limited to networks", () => {
  const authorization = `JWT ${buildAssertion(alice.privateKey)}`;
  const inside: Source = { address: "192.0.2.7" };
  const outside: Source = { address: "198.51.100.1" };

  /** Asks from a source; with `user` and `key` limited to these networks. */
  function ask(
    source: Source | undefined,
    user: readonly string[],
    key: readonly string[] = [],
    credential = authorization,
  ) {
    const { exchange, used } = exchangeWith({ networks: key }, { networks: user });
    const findSource = source && (() => source);
    return { asked: exchange({ authorization: credential, ttl: [], ...(findSource && { findSource }) }), used };
  }

  test("gets a token from an address that all its limits admit", async () => {
    for (const [user, key] of [
      [["192.0.2.0/24"], []],
      [[], ["192.0.2.7/32"]],
      [["192.0.2.0/24"], ["198.51.100.0/24", "192.0.2.7/32"]],
    ] as const) {
      assert.equal((await ask(inside, user, key).asked).keyId, 3);
    }
  });

  test("is refused from any other address, and from one that isn't known, and nothing is minted", async () => {
    for (const [source, user, key] of [
      [outside, ["192.0.2.0/24"], []],
      [outside, [], ["192.0.2.0/24"]],
      [inside, ["192.0.2.0/24"], ["198.51.100.0/24"]],
      [inside, ["198.51.100.0/24"], ["192.0.2.0/24"]],
      [{ problem: "proxy_untrusted" }, ["192.0.2.0/24"], []],
      [undefined, ["192.0.2.0/24"], []],
    ] as const) {
      const { asked, used } = ask(source, user, key);
      assert.equal((await refusalOf(asked)).code, "source_not_allowed");
      assert.deepEqual(used, []);
    }
  });

  test("is refused like any other to a client without the private key, which learns nothing of the limit", async () => {
    const stranger = `JWT ${buildAssertion(bob.privateKey)}`;
    for (const source of [inside, outside]) {
      await rejects(ask(source, ["192.0.2.0/24"], [], stranger).asked);
      await rejects(ask(source, [], [], stranger).asked);
    }
  });

  test("has its source looked for only once the signature has verified, and only where there is a limit", async () => {
    let lookups = 0;
    const findSource = () => {
      lookups++;
      return inside;
    };
    const limited = exchangeWith({}, { networks: ["192.0.2.0/24"] }).exchange;
    await refusalOf(limited({ authorization: `JWT ${buildAssertion(bob.privateKey)}`, ttl: [], findSource }));
    await exchangeWith().exchange({ authorization, ttl: [], findSource });
    assert.equal(lookups, 0);
    await limited({ authorization, ttl: [], findSource });
    assert.equal(lookups, 1);
  });

  test("is told of a deactivated key before its networks, and of its networks before a wrong ttl", async () => {
    const networks = ["192.0.2.0/24"];
    for (const [status, code] of [
      ["deactivated", "key_deactivated"],
      ["active", "source_not_allowed"],
    ] as const) {
      const { exchange } = exchangeWith({ networks, status });
      const refusal = await refusalOf(exchange({ authorization, ttl: ["x"], findSource: () => outside }));
      assert.equal(refusal.code, code);
    }
  });
});

describe("the key that an assertion's kid names", () => {
  const keys: readonly TestViewKey[] = [
    { id: 3, publicKey: alice.publicKey, thumbprint: "T3" },
    { id: 4, publicKey: bob.publicKey, thumbprint: "T4", status: "deactivated" },
  ];
  const users = [testViewUser(keys), testViewUser([{ id: 5, publicKey: long.publicKey }], { username: "api-1-other" })];
  const request = (pair: typeof alice, kid: unknown) => ({
    authorization: `JWT ${buildAssertion(pair.privateKey, { header: { alg: "RS256", kid } })}`,
    ttl: [],
  });

  for (const kid of ["3", "T3"]) {
    test(`is the one that is tried: ${kid}`, async () => {
      const { exchange } = exchangeFor(users);
      assert.equal((await exchange(request(alice, kid))).keyId, 3);
      await rejects(exchange(request(bob, kid)));
    });
  }

  test("may be deactivated, and is then refused as such", async () => {
    const { exchange } = exchangeFor(users);
    for (const kid of ["4", "T4"]) {
      assert.equal((await refusalOf(exchange(request(bob, kid)))).code, "key_deactivated");
      await rejects(exchange(request(alice, kid)));
    }
  });

  for (const kid of [
    "5",
    "thumbprint-5",
    "03",
    "3 ",
    " 3",
    "3.0",
    "0x3",
    "",
    "t3",
    "unknown",
    3,
    null,
    ["3"],
    {},
    true,
  ]) {
    test(`is ignored where it is none of the user's: ${JSON.stringify(kid)}`, async () => {
      const { exchange } = exchangeFor(users);
      assert.equal((await exchange(request(alice, kid))).keyId, 3);
    });
  }

  test("is never another user's", async () => {
    const { exchange } = exchangeFor(users);
    await rejects(exchange(request(long, "5")));
    await rejects(exchange(request(long, "thumbprint-5")));
  });

  test("is the only one that is tried", async () => {
    const { exchange } = exchangeFor(users);
    const right = request(alice, "3");
    const wrong = request(long, "3");
    assert.equal(await countRsaOperations(() => exchange(right)), 1);
    assert.equal(await countRsaOperations(() => refusalOf(exchange(wrong))), 2, "a decoy beside it");
  });
});

describe("an unknown user and a wrong key", () => {
  const users = [testViewUser([aliceKey]), testViewUser([], { username: "api-1-keyless" })];

  test("get the same answer to the last character", async () => {
    const { exchange } = exchangeFor(users);
    for (const username of ["api-1-demo", "api-1-keyless", "api-1-nobody", "__proto__", "constructor"]) {
      const claims = exampleClaims(username);
      await rejects(exchange({ authorization: `JWT ${buildAssertion(bob.privateKey, { claims })}`, ttl: [] }));
    }
  });

  test("cost the same number of RSA operations, whatever the signature's length", async () => {
    const { exchange } = exchangeFor(users);
    for (const length of [1, 128, 255, 256, 257, 384, 512, 1024, 1025]) {
      const counts = new Set<number>();
      for (const username of ["api-1-demo", "api-1-keyless", "api-1-nobody"]) {
        const text = signingInput({ claims: exampleClaims(username) });
        const authorization = `JWT ${text}.${Buffer.alloc(length, 1).toString("base64url")}`;
        counts.add(await countRsaOperations(() => rejects(exchange({ authorization, ttl: [] }))));
      }
      assert.equal(counts.size, 1, `${length} bytes`);
    }
  });

  test("are reported before a wrong ttl", async () => {
    const { exchange } = exchangeFor(users);
    await rejects(exchange({ authorization: `JWT ${buildAssertion(bob.privateKey)}`, ttl: ["x"] }));
  });
});

describe("forged assertions", () => {
  const { exchange } = exchangeWith();
  const send = (assertion: string) => exchange({ authorization: `JWT ${assertion}`, ttl: [] });

  test("without a signature are refused", async () => {
    for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
      const refusal = await refusalOf(send(`${signingInput({ header: { alg } })}.`));
      assert.equal(refusal.code, "assertion_algorithm");
    }
    await rejects(send(`${signingInput({})}.`));
  });

  test("with an HMAC under the public key are refused, under either name", async () => {
    for (const alg of ["HS256", "RS256"]) {
      const text = signingInput({ header: { alg, typ: "JWT" } });
      const mac = createHmac("sha256", alice.publicPem).update(text).digest("base64url");
      const { code } = await refusalOf(send(`${text}.${mac}`));
      assert.equal(code, alg === "HS256" ? "assertion_algorithm" : "assertion_rejected");
    }
  });

  test("with a key in their own header are refused", async () => {
    const jwk = bob.publicKey.export({ format: "jwk" });
    const kid = await calculateJwkThumbprint(jwk);
    for (const header of [
      { alg: "RS256", jwk },
      { alg: "RS256", jwk, kid },
      { alg: "RS256", jku: "https://attacker.example/jwks.json", kid },
      { alg: "RS256", x5u: "https://attacker.example/cert.pem" },
      { alg: "RS256", x5c: [bob.publicKey.export({ format: "der", type: "spki" }).toString("base64")] },
    ]) {
      await rejects(send(buildAssertion(bob.privateKey, { header })));
    }
  });

  test("with a username on the prototype only are refused", async () => {
    const claims = `{"__proto__":{"username":"api-1-demo"},"iat":${NOW_SECONDS}}`;
    const refusal = await refusalOf(send(buildAssertion(alice.privateKey, { claims })));
    assert.equal(refusal.code, "assertion_claims");
    assert.equal(refusal.message, "The assertion's username is missing; a string is needed.");
  });

  test("with claims changed after signing are refused", async () => {
    const [header, , signature] = buildAssertion(alice.privateKey).split(".");
    const claims = encodePart({ ...exampleClaims(), admin: true });
    await rejects(send(`${header}.${claims}.${signature}`));
  });

  test("in a Python bytes literal are refused, and the hint says what to do", async () => {
    const refusal = await refusalOf(send(`b'${buildAssertion(alice.privateKey)}'`));
    assert.equal(refusal.code, "assertion_malformed");
    assert.match(refusal.detail.hint ?? "", /^The credential is a Python bytes literal/);
  });
});

describe("a grant's ttl", () => {
  const authorization = `JWT ${buildAssertion(alice.privateKey)}`;
  const BELOW = {
    code: "ttl_below_documented_minimum",
    message: "A ttl below 900 s is granted, but below the documented minimum of 15 minutes.",
  };

  for (const [ttl, seconds, warnings] of [
    [[], 3600, []],
    [["600"], 600, [BELOW]],
    [["899"], 899, [BELOW]],
    [["900"], 900, []],
    [["43200"], 43_200, []],
  ] as const) {
    test(`is what was asked for: ${JSON.stringify(ttl)}`, async () => {
      const { exchange } = exchangeWith();
      const grant = await exchange({ authorization, ttl });
      assert.equal(grant.ttlSeconds, seconds);
      assert.equal(grant.expiresAtMicroseconds - grant.issuedAtMicroseconds, seconds * 1e6);
      assert.deepEqual(grant.warnings, warnings);
    });
  }

  for (const ttl of [
    ["599"],
    ["43201"],
    [""],
    ["3600", "3600"],
    ["1e3"],
    ["3600.5"],
    ["+3600"],
    ["-1"],
    [" 3600"],
    ["0x10"],
    ["٣٦٠٠"],
    ["1".padEnd(31, "0")],
  ]) {
    test(`is refused after the assertion was accepted: ${JSON.stringify(ttl)}`, async () => {
      const { exchange, used } = exchangeWith();
      const refusal = await refusalOf(exchange({ authorization, ttl }));
      assert.equal(refusal.code, "ttl_invalid");
      assert.match(refusal.message, /^The query parameter ttl (is|isn't) [a-z ]+\.$/);
      assert.deepEqual(used, []);
    });
  }
});

describe("a grant's warnings", () => {
  const authorization = `JWT ${buildAssertion(alice.privateKey)}`;
  const KEY_ENDS = {
    code: "key_expires_before_token",
    message: "The key that signed the assertion expires before the token, and the token ends with it.",
  };
  const expiresSoon = (expiresAtMs: number) => ({
    code: "key_expires_soon",
    message: `The key that signed the assertion expires at ${new Date(expiresAtMs).toISOString()}; replace it before.`,
  });
  const END_MS = NOW_MS + 3_600_000;

  for (const [offsetMs, isFirst] of [
    [-1000, true],
    [-0.001, true],
    [0, false],
    [1000, false],
  ] as const) {
    test(`say whether the key ends first: ${offsetMs} ms from the token's end`, async () => {
      const expiresAtMs = END_MS + offsetMs;
      const { exchange } = exchangeWith({ expiresAtMs });
      const expected = [...(isFirst ? [KEY_ENDS] : []), expiresSoon(expiresAtMs)];
      assert.deepEqual((await exchange({ authorization, ttl: [] })).warnings, expected);
    });
  }

  const SOON_MS = NOW_MS + 14 * 86_400_000;
  for (const [what, expiresAtMs, isSoon] of [
    ["a second before the end of the 14 days", SOON_MS - 1000, true],
    ["at the end of the 14 days", SOON_MS, true],
    ["a second after the 14 days", SOON_MS + 1000, false],
    ["never", null, false],
  ] as const) {
    test(`say when the key expires, if it does within 14 days: ${what}`, async () => {
      const { exchange } = exchangeWith({ expiresAtMs });
      const { warnings } = await exchange({ authorization, ttl: ["43200"] });
      assert.deepEqual(warnings, isSoon ? [expiresSoon(expiresAtMs ?? 0)] : []);
    });
  }

  test("may be several at once", async () => {
    const { exchange } = exchangeWith({ expiresAtMs: NOW_MS + 1 });
    const { warnings } = await exchange({ authorization, ttl: ["600"] });
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ["ttl_below_documented_minimum", "key_expires_before_token", "key_expires_soon"],
    );
  });
});

describe("the names by which an aud may call the service", () => {
  for (const publicUrl of ["https://auth.example", "https://auth.example/"]) {
    test(`are the public URL and the refresh path under it, each with and without the slash: ${publicUrl}`, () => {
      assert.deepEqual([...endpointAudiences(publicUrl).exchange.accepted].sort(), [
        "https://auth.example",
        "https://auth.example/",
        "https://auth.example/api/auth/v0/refresh",
        "https://auth.example/api/auth/v0/refresh/",
      ]);
    });
  }

  test("may have a path before them", () => {
    assert.ok(
      endpointAudiences("https://example/auth").exchange.accepted.has("https://example/auth/api/auth/v0/refresh/"),
    );
  });
});

describe("a store that can't be asked", () => {
  test("makes the view refuse, and the exchange passes that on unchanged", async () => {
    const unavailable = new Refusal("unavailable", "The registry can't be read right now.", { retryAfterSeconds: 1 });
    const { exchange } = exchangeFor([], { view: { findUser: () => Promise.reject(unavailable) } });
    const authorization = `JWT ${buildAssertion(alice.privateKey)}`;
    assert.equal(await refusalOf(exchange({ authorization, ttl: [] })), unavailable);
  });
});

describe("an exchange on a real store", () => {
  test("follows every change at once: deactivating, activating, revoking, expiring", async () => {
    let evict = () => Promise.resolve();
    const registry = await openTestRegistry(() => evict());
    try {
      const { changes, clock, store } = registry;
      const view = await openRegistryView(store, clock);
      evict = () => view.feed.catchUp();
      await changes.createAccount("test", { shortname: "acme" });
      const user = await changes.createUser("test", { name: "demo", account: "acme", access: "full" });
      const key = await changes.addKey("test", {
        username: user.username,
        text: alice.publicPem,
        expiresInMs: 86_400_000,
      });
      const { exchange } = exchangeFor([], { view, clock });
      const attempt = async (ttl: readonly string[] = []) => {
        const claims = exampleClaims(user.username, clock.nowMicroseconds() / 1e6);
        const authorization = `JWT ${buildAssertion(alice.privateKey, { claims })}`;
        try {
          return (await exchange({ authorization, ttl })).keyId;
        } catch (error) {
          assert.ok(error instanceof Refusal, String(error));
          return error.code;
        }
      };

      assert.equal(await attempt(), key.id);
      assert.equal(await attempt(["1"]), "ttl_invalid");
      await changes.setKeyStanding("test", key.id, "deactivated");
      assert.equal(await attempt(), "key_deactivated");
      await changes.setKeyStanding("test", key.id, "active");
      assert.equal(await attempt(), key.id);
      await changes.setUserStanding("test", user.username, "deactivated");
      assert.equal(await attempt(), "user_deactivated");
      await changes.setUserStanding("test", user.username, "active");
      await changes.setAccountStanding("test", "acme", "deactivated");
      assert.equal(await attempt(), "account_deactivated");
      await changes.setAccountStanding("test", "acme", "active");
      assert.equal(await attempt(), key.id);
      clock.setMicroseconds((key.expiresAtMs ?? 0) * 1000 - 1);
      assert.equal(await attempt(), key.id);
      clock.setMicroseconds((key.expiresAtMs ?? 0) * 1000);
      assert.equal(await attempt(), "key_expired");
      await changes.revokeKey("test", key.id);
      assert.equal(await attempt(), "key_deactivated");
    } finally {
      await registry.close();
    }
  });
});

describe("any request", () => {
  const { exchange } = exchangeWith();
  const grantOrRefusal = async (authorization: string, ttl: readonly string[] = []) => {
    try {
      await exchange({ authorization, ttl });
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error));
    }
  };

  test("gives a grant or a refusal, whatever its Authorization header says", async () => {
    const header = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => `JWT ${Buffer.from(bytes).toString("latin1")}`),
      fc.stringMatching(/^[A-Za-z0-9_.-]{0,200}$/).map((text) => `JWT ${text}`),
    );
    await fc.assert(
      fc.asyncProperty(header, (authorization) => grantOrRefusal(authorization)),
      { numRuns: 500 },
    );
  });

  test("gives a grant or a refusal, whatever JSON its header and claims hold", async () => {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom("RS256", "api-1-demo", NOW_SECONDS, "3", 3));
    const header = fc.record({ alg: value, kid: value, crit: value, jwk: value, b64: value }, { requiredKeys: [] });
    const claims = fc.record(
      { username: value, iat: value, exp: value, nbf: value, aud: value, sub: value },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(header, claims, (anyHeader, anyClaims) =>
        grantOrRefusal(`JWT ${unsignedAssertion({ header: anyHeader, claims: anyClaims })}`),
      ),
      { numRuns: 300 },
    );
  });

  test("gives a grant or a refusal where header and claims are signed and almost right", async () => {
    const username = fc.constantFrom("api-1-demo", "api-1-demo", "api-1-other");
    const near = fc.oneof(
      fc.constant(NOW_SECONDS),
      fc.double({ min: -62, max: 62, noNaN: true }).map((offset) => NOW_SECONDS + offset),
    );
    const claims = fc.record(
      { username, iat: near, exp: near, nbf: near, aud: fc.constantFrom("https://auth.example", "x") },
      { requiredKeys: ["username", "iat"] },
    );
    const header = fc.record(
      { alg: fc.constantFrom("RS256", "RS384", "RS512"), kid: fc.jsonValue({ maxDepth: 1 }) },
      { requiredKeys: ["alg"] },
    );
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(header, claims, fc.boolean(), async (anyHeader, anyClaims, right) => {
        const pair = right ? alice : bob;
        const authorization = `JWT ${buildAssertion(pair.privateKey, { header: anyHeader, claims: anyClaims })}`;
        try {
          await exchange({ authorization, ttl: [] });
          outcomes.add("granted");
          assert.ok(right && anyClaims.username === "api-1-demo", "only the user's own key gets a token");
        } catch (error) {
          assert.ok(error instanceof Refusal, String(error));
          outcomes.add(error.code);
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(outcomes.has("granted") && outcomes.has("assertion_rejected"), [...outcomes].join());
  });
});
