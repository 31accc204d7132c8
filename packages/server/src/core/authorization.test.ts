import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseCredential } from "./authorization.ts";
import { Refusal } from "./refusal.ts";

const SCHEME_REFUSED = {
  name: "Refusal",
  code: "authorization_scheme",
  message: "The Authorization header's scheme isn't JWT.",
  detail: { hint: 'Send "Authorization: JWT …": the word JWT, a space, and the credential.' },
};

describe("an Authorization header", () => {
  for (const header of ["JWT abc", "jwt abc", "Jwt abc", "jWT abc", "JWT  abc", "JWT      abc"]) {
    test(`carries the credential behind the scheme and one or more spaces: ${JSON.stringify(header)}`, () => {
      assert.equal(parseCredential(header, ["JWT"]), "abc");
    });
  }

  test("keeps everything behind the first spaces, for the credential's own parser to judge", () => {
    assert.equal(parseCredential("JWT a b ", ["JWT"]), "a b ");
    assert.equal(parseCredential("JWT \ta", ["JWT"]), "\ta");
  });

  for (const header of ["JWT", "JWT ", "JWT    "]) {
    test(`with the scheme alone carries an empty credential: ${JSON.stringify(header)}`, () => {
      assert.equal(parseCredential(header, ["JWT"]), "");
    });
  }

  for (const header of [undefined, ""]) {
    test(`is missing where it is ${JSON.stringify(header)}, and the hint names the proxy`, () => {
      assert.throws(() => parseCredential(header, ["JWT"]), {
        name: "Refusal",
        code: "authorization_missing",
        message: "The request has no Authorization header.",
        detail: {
          hint: 'Send "Authorization: JWT …". If the client did, a proxy on the way may have removed it.',
        },
      });
    });
  }

  for (const header of [
    "Bearer abc",
    "Token abc",
    "Basic YTpi",
    "eyJhbGciOiJSUzI1NiJ9.e30.c2VjcmV0",
    " JWT abc",
    "JWT\tabc",
    "JWT:abc",
    "JWTabc",
    "JW abc",
    "JWT, JWT abc",
    "\u00a0",
  ]) {
    test(`of another scheme is refused, and isn't repeated: ${JSON.stringify(header)}`, () => {
      assert.throws(() => parseCredential(header, ["JWT"]), SCHEME_REFUSED);
    });
  }

  test("may be of any of several schemes, and the hint recommends the first", () => {
    assert.equal(parseCredential("bearer t", ["Token", "Bearer"]), "t");
    assert.equal(parseCredential("TOKEN t", ["Token", "Bearer"]), "t");
    assert.throws(() => parseCredential("JWT t", ["Token", "Bearer"]), {
      code: "authorization_scheme",
      message: "The Authorization header's scheme isn't Token or Bearer.",
      detail: { hint: 'Send "Authorization: Token …": the word Token, a space, and the credential.' },
    });
  });

  test("gives a string or a refusal that repeats nothing of it, whatever it says", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string().map((text) => `JWT ${text}`),
        ),
        (header) => {
          try {
            assert.ok(header.endsWith(parseCredential(header, ["JWT"])));
          } catch (error) {
            assert.ok(error instanceof Refusal, String(error));
            assert.ok(error.code === "authorization_missing" || error.code === "authorization_scheme");
          }
        },
      ),
    );
  });
});
