import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT_ASSERTION_SECONDS_MAX, JTI_CHARACTERS_MAX } from "@countersign/protocol";
import fc from "fast-check";
import { checkExchangeClaims } from "../../testing/check-exchange-claims.ts";
import { exampleClientClaims } from "../../testing/build-assertion.ts";
import { endpointAudiences } from "../assertion/audiences.ts";
import type { Audiences } from "../assertion/check-claims.ts";
import type { UnverifiedObject } from "../assertion/parse-jws.ts";
import { Refusal } from "../refusal.ts";
import { checkClientClaims, parseClientClaims } from "./client-assertion.ts";

const NOW = 1_481_650_253.342885;
const BASE = "https://auth.example";
const AUDIENCES = endpointAudiences(BASE);

function check(claims: object, audiences: Audiences = AUDIENCES.token): void {
  checkClientClaims(parseClientClaims(claims as UnverifiedObject), NOW, audiences);
}

function checkForExchange(claims: object, audiences = AUDIENCES.exchange): void {
  checkExchangeClaims(claims, NOW, audiences);
}

/** Good claims with some replaced; `undefined` leaves one out. */
function claimsWith(changes: Readonly<Record<string, unknown>> = {}): object {
  const merged = { ...exampleClientClaims(), ...changes };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
}

function refuses(claims: object, code: string, says: RegExp, audiences = AUDIENCES.token): void {
  assert.throws(
    () => check(claims, audiences),
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      return true;
    },
  );
}

const isAccepted = (work: () => void): boolean => {
  try {
    work();
    return true;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return false;
  }
};

describe("a client's claims", () => {
  test("are accepted with iss, sub, aud, exp and jti, and nothing else is needed", () => {
    check(claimsWith());
  });

  test("are read unchanged", () => {
    assert.deepEqual(parseClientClaims(claimsWith({ iat: NOW, nbf: 1.5, aud: ["a", "b"] }) as UnverifiedObject), {
      clientId: "api-1-demo",
      audience: ["a", "b"],
      expiresAtSeconds: 1_481_650_313,
      notBeforeSeconds: 1.5,
      issuedAtSeconds: NOW,
      jti: "example",
      hasUsername: false,
    });
  });

  for (const name of ["iss", "sub", "jti"]) {
    for (const [value, shown] of [
      [undefined, "missing"],
      [null, "null"],
      ["", "empty"],
      [1, "a number"],
      [true, "a boolean"],
      [["api-1-demo"], "an array"],
      [{}, "an object"],
    ] as const) {
      test(`need a text as ${name}, and ${shown} isn't one`, () => {
        refuses(
          claimsWith({ [name]: value }),
          "assertion_claims",
          new RegExp(`^The assertion's ${name} is ${shown}; a string is needed\\.$`),
        );
      });
    }
  }

  for (const [value, says] of [
    [undefined, /^The assertion has no exp\.$/],
    [null, /^The assertion's exp is null; a number is needed\.$/],
    ["1481650313", /exp is a string; a number/],
    [[1], /exp is an array; a number/],
    [Number.POSITIVE_INFINITY, /exp is too large a number; a number/],
  ] as const) {
    test(`need a number as exp, and ${JSON.stringify(value)} isn't one`, () => {
      refuses(claimsWith({ exp: value }), "assertion_claims", says);
    });
  }

  for (const name of ["iat", "nbf"]) {
    test(`need no ${name}, but where there is one it is a number`, () => {
      check(claimsWith({ [name]: NOW }));
      for (const value of [null, "1", {}, Number.NaN]) {
        refuses(claimsWith({ [name]: value }), "assertion_claims", new RegExp(`^The assertion's ${name} is `));
      }
    });
  }

  test("need an aud that is a text or an array of texts", () => {
    refuses(claimsWith({ aud: undefined }), "assertion_claims", /^The assertion has no aud\.$/);
    for (const aud of [null, 1, true, {}, [1], [null], [[BASE]], [BASE, 1]]) {
      refuses(claimsWith({ aud }), "assertion_audience", /neither a string nor an array of strings/);
    }
    refuses(claimsWith({ aud: [] }), "assertion_audience", /doesn't name this service/);
  });

  test("name the same client in iss and sub", () => {
    refuses(claimsWith({ iss: "api-1-other" }), "assertion_claims", /^The assertion's iss and sub differ\.$/);
    refuses(claimsWith({ iss: "API-1-DEMO" }), "assertion_claims", /iss and sub differ/);
    check(claimsWith({ iss: "api-1-other", sub: "api-1-other" }));
  });

  test(`have a jti of at most ${JTI_CHARACTERS_MAX} characters`, () => {
    for (const jti of ["x", "x".repeat(JTI_CHARACTERS_MAX), "ü\n🔑"]) check(claimsWith({ jti }));
    refuses(
      claimsWith({ jti: "x".repeat(JTI_CHARACTERS_MAX + 1) }),
      "assertion_claims",
      /^The assertion's jti has over 256 characters\.$/,
    );
  });

  test("are the assertion's own members, never those that every object inherits", () => {
    const inherited = Object.create(claimsWith()) as object;
    refuses(inherited, "assertion_claims", /^The assertion's sub is missing/);
  });
});

describe("a client's claims and the clock", () => {
  for (const [offset, accepted] of [
    [-61, false],
    [-60, false],
    [-59, true],
    [0, true],
    [1, true],
    [CLIENT_ASSERTION_SECONDS_MAX - 1, true],
    [CLIENT_ASSERTION_SECONDS_MAX + 59, true],
    [CLIENT_ASSERTION_SECONDS_MAX + 60, true],
    [CLIENT_ASSERTION_SECONDS_MAX + 61, false],
    [1e12, false],
  ] as const) {
    test(`exp ${offset} s from now is ${accepted ? "accepted" : "refused"}`, () => {
      const claims = claimsWith({ exp: NOW + offset });
      if (accepted) check(claims);
      else if (offset < 0) refuses(claims, "assertion_expired", /^The assertion's exp is 6[01]\.\d s in the past/);
      else refuses(claims, "assertion_claims", /^The assertion's exp is more than the allowed 3600 s ahead/);
    });
  }

  for (const [name, offset, accepted] of [
    ["nbf", 59, true],
    ["nbf", 60, true],
    ["nbf", 61, false],
    ["nbf", -1e6, true],
    ["iat", 59, true],
    ["iat", 61, true],
    ["iat", 61.000001, false],
    // The exchange asks for a new one; here exp says how long it lives.
    ["iat", -1e6, true],
  ] as const) {
    test(`${name} ${offset} s from now is ${accepted ? "accepted" : "refused"}`, () => {
      const claims = claimsWith({ [name]: NOW + offset });
      if (accepted) check(claims);
      else refuses(claims, "assertion_early", new RegExp(`^The assertion's ${name} is 61\\.\\d s in the future`));
    });
  }
});

describe("a client's audience", () => {
  for (const [endpoint, aud, accepted] of [
    ["token", BASE, true],
    ["token", `${BASE}/oauth2/token`, true],
    ["token", [`${BASE}/oauth2/token`, "https://other.example"], true],
    ["token", [BASE, `${BASE}/oauth2/token`], true],
    // As clients often write an issuer.
    ["token", `${BASE}/`, true],
    ["token", `${BASE}/oauth2/token/`, false],
    ["token", `${BASE}/oauth2/introspect`, false],
    ["token", "https://other.example", false],
    ["token", "https://AUTH.example", false],
    ["token", `${BASE}/oauth2/revoke`, false],
    ["token", [BASE, `${BASE}/oauth2/revoke`], false],
    ["token", `${BASE}/api/auth/v0/refresh/`, false],
    ["token", [BASE, `${BASE}/api/auth/v0/refresh/`], false],
    ["token", [BASE, `${BASE}/api/auth/v0/refresh`], false],
    ["revocation", BASE, true],
    ["revocation", `${BASE}/oauth2/revoke`, true],
    // The token endpoint's address stands for the service (RFC 7523 §3, 3), as OAuth libraries use it.
    ["revocation", `${BASE}/oauth2/token`, true],
    ["revocation", [BASE, `${BASE}/api/auth/v0/refresh/`], false],
    ["revocation", "https://other.example", false],
  ] as const) {
    test(`${JSON.stringify(aud)} is ${accepted ? "accepted" : "refused"} for ${endpoint}`, () => {
      const claims = claimsWith({ aud });
      if (accepted) check(claims, AUDIENCES[endpoint]);
      else refuses(claims, "assertion_audience", /aud /, AUDIENCES[endpoint]);
    });
  }

  test("must name the endpoint itself where there is a username, as in an assertion for the exchange", () => {
    for (const username of ["api-1-demo", "", 1, null]) {
      refuses(claimsWith({ username, aud: BASE }), "assertion_audience", /^The assertion has a username/);
      check(claimsWith({ username }));
      check(claimsWith({ username, aud: [BASE, `${BASE}/oauth2/token`] }));
      check(claimsWith({ username, aud: `${BASE}/oauth2/revoke` }), AUDIENCES.revocation);
      refuses(claimsWith({ username, aud: BASE }), "assertion_audience", /has a username/, AUDIENCES.revocation);
    }
  });

  test("is the public URL with its path and without a slash at its end", () => {
    for (const publicUrl of ["https://auth.example/sign/in", "https://auth.example/sign/in/"]) {
      const { token, exchange } = endpointAudiences(publicUrl);
      check(claimsWith({ aud: "https://auth.example/sign/in" }), token);
      check(claimsWith({ aud: "https://auth.example/sign/in/oauth2/token" }), token);
      refuses(claimsWith({ aud: "https://auth.example" }), "assertion_audience", /aud /, token);
      checkForExchange({ username: "x", iat: NOW, aud: "https://auth.example/sign/in/api/auth/v0/refresh/" }, exchange);
    }
  });
});

describe("an assertion made for one endpoint", () => {
  const endpoints = ["/oauth2/token", "/oauth2/revoke", "/api/auth/v0/refresh/", "/api/auth/v0/refresh", "/", ""];
  const near = fc.constantFrom(-61, -60, -1, 0, 1, 60, 61, 3600, 3661).map((offset) => NOW + offset);
  /** Claims that are each likely to be good, so that the whole often is. */
  const generated = (base: string) => {
    const aud = fc.constantFrom(...endpoints.map((path) => base + path), "https://other.example", "");
    return fc.record(
      {
        username: fc.constantFrom<unknown>("api-1-demo", "api-1-demo", "", null),
        iat: fc.oneof({ weight: 4, arbitrary: fc.constant(NOW) }, { weight: 1, arbitrary: near }),
        iss: fc.constantFrom("api-1-demo", "api-1-demo", "api-1-demo", "x"),
        sub: fc.constantFrom("api-1-demo"),
        aud: fc.oneof(aud, fc.array(aud, { maxLength: 3 })),
        exp: fc.oneof({ weight: 4, arbitrary: fc.constant(NOW + 60) }, { weight: 1, arbitrary: near }),
        nbf: fc.oneof({ weight: 4, arbitrary: fc.constant(NOW) }, { weight: 1, arbitrary: near }),
        jti: fc.constantFrom("a", "b"),
      },
      { requiredKeys: ["sub"] },
    );
  };

  for (const base of [BASE, "https://auth.example/sign/in", "http://127.0.0.1:8080"]) {
    test(`is never accepted by both the exchange and an OAuth endpoint, whatever it says (${base})`, () => {
      const { exchange, token, revocation } = endpointAudiences(base);
      const accepted = { exchange: 0, token: 0, revocation: 0 };
      fc.assert(
        fc.property(generated(base), (claims) => {
          const isForExchange = isAccepted(() => checkForExchange(claims, exchange));
          const isForToken = isAccepted(() => check(claims, token));
          const isForRevocation = isAccepted(() => check(claims, revocation));
          assert.ok(!(isForExchange && (isForToken || isForRevocation)));
          accepted.exchange += Number(isForExchange);
          accepted.token += Number(isForToken);
          accepted.revocation += Number(isForRevocation);
        }),
        { numRuns: 4000 },
      );
      for (const [name, count] of Object.entries(accepted)) assert.ok(count > 20, `${name}: only ${count} accepted`);
    });
  }

  test("of any JSON at all gives claims or a refusal", () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const names = fc.constantFrom("iss", "sub", "aud", "exp", "jti", "nbf", "iat", "username", "__proto__");
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(names, fc.string()), value), (claims) => {
        isAccepted(() => check(claims));
        isAccepted(() => check({ ...claimsWith(), ...claims }));
      }),
    );
  });
});
