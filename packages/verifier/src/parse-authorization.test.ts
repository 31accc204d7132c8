import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isTokenForm, parseAuthorization } from "./parse-authorization.ts";
import { exampleToken } from "./testing/fake-countersign.ts";

const TOKEN = "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU";

test("the documented example's token has the form of a token", () => {
  assert.equal(isTokenForm(TOKEN), true);
  assert.equal(isTokenForm(exampleToken("any")), true);
});

test("Token and Bearer are read in any case, with any number of spaces", () => {
  for (const [header, scheme] of [
    [`Token ${TOKEN}`, "Token"],
    [`token ${TOKEN}`, "Token"],
    [`TOKEN    ${TOKEN}`, "Token"],
    [`Bearer ${TOKEN}`, "Bearer"],
    [`bEaReR  ${TOKEN}`, "Bearer"],
  ] as const) {
    assert.deepEqual(parseAuthorization(header), { scheme, token: TOKEN });
    assert.deepEqual(parseAuthorization([header]), { scheme, token: TOKEN });
  }
});

test("no header is missing; another scheme is refused as such, whatever follows it", () => {
  for (const value of [undefined, null, "", []]) {
    assert.deepEqual(parseAuthorization(value), { defect: "missing", scheme: "Token" });
  }
  const others = [
    "Basic dXNlcjpwYXNz",
    "JWT eyJhbGciOiJSUzI1NiJ9",
    TOKEN,
    "Tokens x",
    "T",
    'Digest a="b", c="d"',
    "\ttoken x",
  ];
  for (const header of others) assert.deepEqual(parseAuthorization(header), { defect: "scheme", scheme: "Token" });
  // The Kelvin sign's lower case is k.
  assert.deepEqual(parseAuthorization(`To\u212aen ${TOKEN}`), { defect: "scheme", scheme: "Token" });
});

test("a scheme without a credential has an empty token, which isn't one", () => {
  for (const header of ["Token", "Token ", "Bearer   "]) {
    const authorization = parseAuthorization(header);
    assert.ok(!("defect" in authorization));
    assert.equal(authorization.token, "");
    assert.equal(isTokenForm(authorization.token), false);
  }
});

test("two credentials are refused, whether as two values or joined, so that nobody picks one of them", () => {
  for (const value of [
    [`Token ${TOKEN}`, `Token ${TOKEN}`],
    [`Token ${TOKEN}`, "Basic dXNlcjpwYXNz"],
    ["Basic dXNlcjpwYXNz", `Token ${TOKEN}`],
    `Token ${TOKEN}, Token ${TOKEN}`,
    `Token ${TOKEN},Basic dXNlcjpwYXNz`,
  ]) {
    assert.deepEqual(parseAuthorization(value), { defect: "repeated", scheme: "Token" });
  }
  assert.deepEqual(parseAuthorization(`Bearer ${TOKEN}, Bearer x`), { defect: "repeated", scheme: "Bearer" });
});

test("any text is read or refused, and a token is what was sent behind the scheme", () => {
  const scheme = fc.constantFrom("Token", "token", "Bearer", "BEARER", "JWT", "Basic", "");
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constant(TOKEN));
  fc.assert(
    fc.property(scheme, fc.nat({ max: 3 }), text, (name, spaces, rest) => {
      const header = name + " ".repeat(spaces) + rest;
      const authorization = parseAuthorization(header);
      if ("defect" in authorization) return;
      assert.ok(header.endsWith(authorization.token));
      assert.match(header.slice(0, header.length - authorization.token.length), /^(token|bearer) *$/i);
      assert.ok(!authorization.token.startsWith(" "));
    }),
  );
});

test("no text but a token has the form of one", () => {
  const part = (min: number, max: number) =>
    fc.string({ unit: fc.constantFrom(..."aZ09_-.=+/ ,\n".split("")), minLength: min, maxLength: max });
  fc.assert(
    fc.property(part(0, 12), part(6, 30), part(41, 45), (number, payload, mac) => {
      const isOne = /^[1-9][0-9]{0,9}$/.test(number) && /^[\w-]{8,28}$/.test(payload) && /^[\w-]{43}$/.test(mac);
      assert.equal(isTokenForm(`${number}.${payload}.${mac}`), isOne && !mac.endsWith("\n"));
    }),
  );
});

test("a long text is refused without being looked through", () => {
  assert.equal(isTokenForm("1".repeat(1e7)), false);
  assert.deepEqual(parseAuthorization(`Token ${"a".repeat(100_000)}`), { scheme: "Token", token: "a".repeat(100_000) });
});
