import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../refusal.ts";
import { checkExchangeClaims } from "../../testing/check-exchange-claims.ts";
import { parseClaims } from "./check-claims.ts";

const NOW = 1_481_650_253.342885;
const SERVER_TIME = "the server's time is 1481650253.342885.";
const AUDIENCES = {
  isRequired: false,
  accepted: new Set(["https://auth.example", "https://auth.example/"]),
  foreign: new Set(["https://auth.example/oauth2/token"]),
};

function check(claims: object): void {
  checkExchangeClaims(claims, NOW, AUDIENCES);
}

function refuses(claims: object, code: string, message: string, hint?: string): void {
  assert.throws(
    () => check(claims),
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, code);
      assert.equal(error.message, message);
      if (hint !== undefined) assert.equal(error.detail.hint, hint);
      return true;
    },
  );
}

const WRONG_TYPES: readonly (readonly [unknown, string])[] = [
  [null, "null"],
  [true, "a boolean"],
  [false, "a boolean"],
  [{}, "an object"],
  [[], "an array"],
  [["api-1-demo"], "an array"],
];

describe("the claim username", () => {
  const accepted = { iat: NOW };
  const hint = "Put the API user's name, such as api-1-demo, into the claim username.";
  for (const [value, shown] of [
    ...WRONG_TYPES,
    [1, "a number"],
    [Number.POSITIVE_INFINITY, "too large a number"],
    ["", "empty"],
  ] as const) {
    test(`must be a string, and ${JSON.stringify(value)} isn't`, () => {
      const message = `The assertion's username is ${shown}; a string is needed.`;
      refuses({ ...accepted, username: value }, "assertion_claims", message, hint);
    });
  }

  test("is required", () => {
    refuses(accepted, "assertion_claims", "The assertion's username is missing; a string is needed.", hint);
  });

  test("must be an own member, not one of the prototype", () => {
    const claims = Object.assign(Object.create({ username: "api-1-demo" }) as object, accepted);
    refuses(claims, "assertion_claims", "The assertion's username is missing; a string is needed.");
  });

  test("is used unchanged: not trimmed, normalised or lower-cased", () => {
    for (const username of [" api-1-demo", "API-1-DEMO", "e\u0301", "a\0b", "\ud800", "__proto__", "constructor"]) {
      assert.equal(parseClaims({ username, iat: 1 }).username, username);
    }
  });
});

describe("the claims iat, exp and nbf", () => {
  const accepted = { username: "api-1-demo", iat: NOW };
  for (const name of ["iat", "exp", "nbf"] as const) {
    for (const [value, shown] of [
      ...WRONG_TYPES,
      ["1481650253", "a string"],
      ["", "empty"],
      [Number.POSITIVE_INFINITY, "too large a number"],
      [Number.NEGATIVE_INFINITY, "too large a number"],
    ] as const) {
      test(`must be numbers: ${name} is ${JSON.stringify(value)}`, () => {
        refuses(
          { ...accepted, [name]: value },
          "assertion_claims",
          `The assertion's ${name} is ${shown}; a number is needed.`,
          `${name} is a NumericDate (RFC 7519 §2): seconds since the epoch, as a JSON number.`,
        );
      });
    }

    test(`may not be 1e999, which is JSON: ${name}`, () => {
      const claims = { ...accepted, ...(JSON.parse(`{"${name}":1e999}`) as object) };
      refuses(claims, "assertion_claims", `The assertion's ${name} is too large a number; a number is needed.`);
    });

    test(`must be an own member, not one of the prototype: ${name}`, () => {
      const { [name]: _, ...rest } = { ...accepted, exp: undefined, nbf: undefined };
      const claims = Object.assign(Object.create({ [name]: 0 }) as object, rest);
      if (name === "iat") refuses(claims, "assertion_claims", "The assertion has no iat.");
      else assert.doesNotThrow(() => check(claims));
    });
  }

  test("are optional, except iat", () => {
    assert.doesNotThrow(() => check(accepted));
    refuses(
      { username: "api-1-demo" },
      "assertion_claims",
      "The assertion has no iat.",
      "Put the current time, in seconds since the epoch, into the claim iat.",
    );
  });

  test("may have fractions", () => {
    const parsed = parseClaims({ username: "a", iat: 1.25, exp: 2.5, nbf: -0.125 });
    assert.deepEqual([parsed.issuedAtSeconds, parsed.expiresAtSeconds, parsed.notBeforeSeconds], [1.25, 2.5, -0.125]);
  });
});

describe("an assertion's age", () => {
  const at = (iat: number) => ({ username: "api-1-demo", iat });
  const stale = `Check the client's clock, and sign a new assertion for each exchange: ${SERVER_TIME}`;
  const early = `Check the client's clock: ${SERVER_TIME}`;

  for (const offset of [-61, -60.999999, -60, -59, -1, -0.000001, 0, 0.000001, 1, 59, 60, 60.999999, 61]) {
    test(`may be ${-offset} s`, () => assert.doesNotThrow(() => check(at(NOW + offset))));
  }

  test("may be 61 s to the microsecond, in the decimals that a client writes", () => {
    for (const microseconds of [0, 1, 342_885, 499_999, 999_999]) {
      const now = 1_481_650_253 + microseconds / 1e6;
      for (const seconds of [1_481_650_192, 1_481_650_314]) {
        const claims = at(Number(`${seconds}.${String(microseconds).padStart(6, "0")}`));
        assert.doesNotThrow(() => {
          checkExchangeClaims(claims, now, AUDIENCES);
        });
      }
    }
  });

  test("may be 60 s, by which other services advise clients to set iat back, plus the time that the request takes", () => {
    assert.doesNotThrow(() => check(at(NOW - 60.25)));
  });

  for (const [age, shown] of [
    [61.000001, "61.1"],
    [62, "62.0"],
    [93.15, "93.2"],
    [86_400, "86400.0"],
    [NOW, "1481650253.4"],
  ] as const) {
    test(`may not be ${age} s`, () => {
      refuses(
        at(NOW - age),
        "assertion_stale",
        `The assertion's iat is ${shown} s in the past; 60 s are allowed.`,
        stale,
      );
    });
  }

  for (const [ahead, shown] of [
    [61.000001, "61.1"],
    [62, "62.0"],
    [86_400, "86400.0"],
  ] as const) {
    test(`may not be -${ahead} s`, () => {
      refuses(
        at(NOW + ahead),
        "assertion_early",
        `The assertion's iat is ${shown} s in the future; 60 s are allowed.`,
        early,
      );
    });
  }

  test("in milliseconds is distinguished from a fast clock", () => {
    refuses(
      at(NOW * 1000),
      "assertion_early",
      "The assertion's iat is 1480168603089.6 s in the future; 60 s are allowed.",
      `iat looks like milliseconds; it must be seconds since the epoch: ${SERVER_TIME}`,
    );
    refuses(
      at(99_999_999_999),
      "assertion_early",
      "The assertion's iat is 98518349745.7 s in the future; 60 s are allowed.",
      early,
    );
  });

  test("of any size is shown in a few characters", () => {
    refuses(at(1e308), "assertion_early", "The assertion's iat is 1.0e+308 s in the future; 60 s are allowed.");
    refuses(at(-1e308), "assertion_stale", "The assertion's iat is 1.0e+308 s in the past; 60 s are allowed.");
    refuses(at(0), "assertion_stale", "The assertion's iat is 1481650253.4 s in the past; 60 s are allowed.");
  });
});

describe("the claim nbf", () => {
  const at = (nbf: number) => ({ username: "api-1-demo", iat: NOW, nbf });

  for (const offset of [-1e9, -60, 0, 59, 59.999999, 60]) {
    test(`may be ${offset} s from now`, () => assert.doesNotThrow(() => check(at(NOW + offset))));
  }
  for (const [offset, shown] of [
    [60.000001, "60.1"],
    [61, "61.0"],
  ] as const) {
    test(`may not be ${offset} s from now`, () => {
      refuses(
        at(NOW + offset),
        "assertion_early",
        `The assertion's nbf is ${shown} s in the future; 60 s are allowed.`,
        `Check the client's clock: ${SERVER_TIME}`,
      );
    });
  }
});

describe("the claim exp", () => {
  const at = (exp: number) => ({ username: "api-1-demo", iat: NOW, exp });

  for (const offset of [-59.999999, -59, -1, 0, 1, 1e9]) {
    test(`may be ${offset} s from now`, () => assert.doesNotThrow(() => check(at(NOW + offset))));
  }
  for (const [offset, shown] of [
    [-60, "60.0"],
    [-60.000001, "60.1"],
    [-61, "61.0"],
  ] as const) {
    test(`may not be ${offset} s from now: at equality it has passed`, () => {
      refuses(
        at(NOW + offset),
        "assertion_expired",
        `The assertion's exp is ${shown} s in the past; it must be less than 60 s.`,
        `Sign a new assertion for each exchange: ${SERVER_TIME}`,
      );
    });
  }
});

describe("the claim aud", () => {
  const to = (aud: unknown) => ({ username: "api-1-demo", iat: NOW, aud });
  const MESSAGE = "The assertion's aud doesn't name this service.";

  for (const aud of [
    "https://auth.example",
    "https://auth.example/",
    ["https://other.example", "https://auth.example"],
  ]) {
    test(`may name this service: ${JSON.stringify(aud)}`, () => assert.doesNotThrow(() => check(to(aud))));
  }

  for (const aud of [
    "https://other.example",
    "HTTPS://AUTH.EXAMPLE",
    "https://auth.example//",
    "https://auth.example/x",
    "auth.example",
    "",
    [],
    ["https://other.example"],
    [""],
    "size",
    "has",
  ]) {
    test(`may not name another: ${JSON.stringify(aud)}`, () => {
      refuses(to(aud), "assertion_audience", MESSAGE, "Leave aud out, or set it to https://auth.example.");
    });
  }

  for (const aud of [
    null,
    1,
    true,
    {},
    [1],
    ["https://auth.example", 1],
    [["https://auth.example"]],
    { 0: "https://auth.example", length: 1 },
  ]) {
    test(`must be a string or an array of strings: ${JSON.stringify(aud)}`, () => {
      refuses(to(aud), "assertion_audience", "The assertion's aud is neither a string nor an array of strings.");
    });
  }

  test("must be an own member, not one of the prototype", () => {
    const claims = Object.assign(Object.create({ aud: "https://other.example" }) as object, {
      username: "api-1-demo",
      iat: NOW,
    });
    assert.doesNotThrow(() => check(claims));
  });
});

describe("the order of the checks", () => {
  const claims = { username: "", iat: "x", nbf: NOW + 61, exp: NOW - 61, aud: "https://other.example" };
  for (const [code, fixed] of [
    ["assertion_claims", {}],
    ["assertion_claims", { username: "a" }],
    ["assertion_stale", { username: "a", iat: NOW - 62 }],
    ["assertion_early", { username: "a", iat: NOW }],
    ["assertion_expired", { username: "a", iat: NOW, nbf: NOW }],
    ["assertion_audience", { username: "a", iat: NOW, nbf: NOW, exp: NOW }],
  ] as const) {
    test(`reports ${code} before the faults that follow: ${Object.keys(fixed).join(", ") || "nothing"} fixed`, () => {
      assert.throws(() => check({ ...claims, ...fixed }), { name: "Refusal", code });
    });
  }
});

describe("any JSON as claims", () => {
  test("gives a value or a refusal whose text is plain and short", () => {
    const value = fc.oneof(fc.jsonValue(), fc.double(), fc.constantFrom(NOW, NOW - 61, "https://auth.example"));
    const claims = fc.record(
      { username: value, iat: value, exp: value, nbf: value, aud: value, other: value },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(claims, (given) => {
        try {
          check(given);
        } catch (error) {
          assert.ok(error instanceof Refusal, String(error));
          assert.match(
            error.message,
            /^The assertion('s (username|iat|exp|nbf|aud) [a-zA-Z0-9 .+;']+|\s?has no iat)\.$/,
          );
          assert.ok(error.message.length < 120, error.message);
        }
      }),
      { numRuns: 500 },
    );
  });
});
