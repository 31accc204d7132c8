import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { exampleClaims, unsignedAssertion } from "../../testing/build-assertion.ts";
import { encodePart } from "../../../../../test/testkit/sign-assertion.ts";
import { Refusal } from "../refusal.ts";
import { checkHeader, parseAssertion } from "./parse-assertion.ts";

const HEADER = { alg: "RS256", typ: "JWT" };

function refuses(text: string, message: string, hint?: string): void {
  assert.throws(
    () => parseAssertion(text),
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, "assertion_malformed");
      assert.equal(error.message, message);
      if (hint !== undefined) assert.equal(error.detail.hint, hint);
      return true;
    },
  );
}

const NOT_CANONICAL = (part: string) =>
  `The assertion's ${part} part isn't canonical base64url: no padding, no white space, no + or /.`;
const THREE_PARTS = "The assertion isn't a compact JWS: it needs exactly three parts, joined by dots.";
const BYTES_LITERAL =
  "The credential is a Python bytes literal, b'…'. Call .decode(\"ascii\") on the result of jwt.encode, or use PyJWT 2.";

describe("an assertion's parts", () => {
  test("are the header, the claims, the signature and the text that it covers", () => {
    const text = unsignedAssertion({ header: HEADER, claims: { username: "ü" } });
    const parsed = parseAssertion(text);
    assert.deepEqual(parsed.unverifiedHeader, HEADER);
    assert.deepEqual(parsed.unverifiedClaims, { username: "ü" });
    assert.deepEqual(parsed.signature, Buffer.alloc(256, 1));
    assert.equal(parsed.signingInput, text.slice(0, text.lastIndexOf(".")));
  });

  for (const text of ["", "a", "eyJ9.e30", "e30.e30.AA.AA", "e30.e30.AA.", ".e30.e30.AA", "...", "e30.e30.AA.AA.AA"]) {
    test(`must be exactly three: ${JSON.stringify(text)}`, () => {
      refuses(text, THREE_PARTS, "Send the signed JWT itself, as header.claims.signature.");
    });
  }

  test("may not be empty, except the signature, which then verifies under no key", () => {
    refuses("..", "The assertion's header part isn't JSON.");
    refuses("e30..", "The assertion's claims part isn't JSON.");
    assert.equal(parseAssertion("e30.e30.").signature.length, 0);
  });

  test("may have 8192 characters in total, and not 8193", () => {
    const room = 8192 - "e30.".length - ".AA".length;
    // 4 characters for 3 bytes; three lengths of padding reach every total that base64url can have.
    const claims = `{"a":"${"x".repeat(Math.floor((room * 3) / 4) - 8)}"}`;
    const accepted = `e30.${encodePart(claims)}.`;
    const filled = accepted + "A".repeat(8192 - accepted.length);
    assert.equal(filled.length, 8192);
    assert.notEqual((filled.length - accepted.length) % 4, 1, "the filling must be base64url of some bytes");
    assert.doesNotThrow(() => parseAssertion(filled));
    refuses(`${filled}A`, "The assertion has 8193 characters; at most 8192 are allowed.");
    refuses("x".repeat(1_000_000), "The assertion has 1000000 characters; at most 8192 are allowed.");
  });
});

describe("an assertion's base64url", () => {
  const claims = encodePart(exampleClaims());
  const header = encodePart(HEADER);

  for (const [name, change] of [
    ["padding", (part: string) => `${part}=`],
    ["more padding", (part: string) => `${part}==`],
    ["a space before it", (part: string) => ` ${part}`],
    ["a space behind it", (part: string) => `${part} `],
    ["a tab inside", (part: string) => `${part.slice(0, 4)}\t${part.slice(4)}`],
    ["a line feed behind", (part: string) => `${part}\n`],
    ["a carriage return inside", (part: string) => `${part.slice(0, 8)}\r\n${part.slice(8)}`],
    ["a plus sign", (part: string) => `${part.slice(0, 4)}+${part.slice(5)}`],
    ["a slash", (part: string) => `${part.slice(0, 4)}/${part.slice(5)}`],
    ["a NUL", (part: string) => `${part}\0`],
    ["a percent escape", (part: string) => `${part}%3D`],
    ["a character beyond ASCII", (part: string) => `${part.slice(0, 4)}é${part.slice(5)}`],
    ["a full-width letter", (part: string) => `${part.slice(0, 4)}\uff21${part.slice(5)}`],
  ] as const) {
    test(`is refused with ${name}, in every part`, () => {
      refuses(`${change(header)}.${claims}.AAAA`, NOT_CANONICAL("header"));
      refuses(`${header}.${change(claims)}.AAAA`, NOT_CANONICAL("claims"));
      refuses(`${header}.${claims}.${change("AAAAAAAA")}`, NOT_CANONICAL("signature"));
    });
  }

  test("is refused with trailing bits that aren't zero", () => {
    // "e30" is {}; the two low bits of its last character mean nothing, and "e31" to "e33" decode to the same bytes.
    assert.deepEqual(parseAssertion("e30.e30.AA").unverifiedHeader, {});
    for (const other of ["e31", "e32", "e33"]) {
      assert.equal(Buffer.from(other, "base64url").toString(), "{}");
      refuses(`${other}.e30.AA`, NOT_CANONICAL("header"));
      refuses(`e30.${other}.AA`, NOT_CANONICAL("claims"));
    }
    for (const other of ["AB", "AP", "AAB"]) refuses(`e30.e30.${other}`, NOT_CANONICAL("signature"));
  });

  test("is refused at a length that no byte string encodes to", () => {
    refuses("e30.e30.AAAAA", NOT_CANONICAL("signature"));
    refuses("A.e30.AA", NOT_CANONICAL("header"));
  });

  test("is refused where it is plain base64", () => {
    const plain = Buffer.from('{"username":"???>>>"}').toString("base64");
    assert.match(plain, /[+/]/);
    refuses(
      `e30.${plain}.AA`,
      NOT_CANONICAL("claims"),
      "Let a JWT library do the encoding; plain base64 is another alphabet.",
    );
  });
});

describe("a Python bytes literal", () => {
  const assertion = unsignedAssertion();
  for (const [name, text, message] of [
    ["in single quotes", `b'${assertion}'`, NOT_CANONICAL("header")],
    ["in double quotes", `b"${assertion}"`, NOT_CANONICAL("header")],
    ["without dots", "b'eyJhbGciOiJSUzI1NiJ9'", THREE_PARTS],
  ] as const) {
    test(`is refused, and its hint names the cause: ${name}`, () => {
      refuses(text, message, BYTES_LITERAL);
    });
  }
});

describe("an assertion's JSON", () => {
  const withClaims = (claims: string | Buffer) => `e30.${encodePart(claims)}.AA`;
  const withHeader = (header: string | Buffer) => `${encodePart(header)}.e30.AA`;

  for (const json of ["null", "true", "1", "1e999", '"text"', "[]", '[{"username":"a"}]', " [1]"]) {
    test(`must be an object: ${json}`, () => {
      refuses(withClaims(json), "The assertion's claims part isn't a JSON object.");
      refuses(withHeader(json), "The assertion's header part isn't a JSON object.");
    });
  }

  for (const json of [
    "",
    "{",
    "{}{}",
    '{"a":1,}',
    "{'a':1}",
    "{a:1}",
    '{"a":01}',
    '{"a":+1}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":0x10}',
    '{"a":"\n"}',
    '{"a":1}\0',
    "{} //",
    '{"a":"\\ud800',
    "undefined",
  ]) {
    test(`must be JSON: ${JSON.stringify(json)}`, () => {
      refuses(withClaims(json), "The assertion's claims part isn't JSON.");
      refuses(withHeader(json), "The assertion's header part isn't JSON.");
    });
  }

  test("may not begin with a byte order mark", () => {
    refuses(withClaims("\ufeff{}"), "The assertion's claims part isn't JSON.");
  });

  for (const [name, bytes] of [
    ["a lone continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["Latin-1", [0xe9]],
    ["a code point beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ] as const) {
    test(`must be UTF-8: ${name}`, () => {
      const json = Buffer.concat([Buffer.from('{"username":"'), Buffer.from(bytes), Buffer.from('"}')]);
      refuses(withClaims(json), "The assertion's claims part isn't UTF-8.");
      refuses(withHeader(json), "The assertion's header part isn't UTF-8.");
    });
  }

  test("may not be UTF-16 or UTF-32", () => {
    refuses(withClaims(Buffer.from("{}", "utf16le")), "The assertion's claims part isn't JSON.");
    refuses(withClaims(Buffer.from("\ufeff{}", "utf16le")), "The assertion's claims part isn't UTF-8.");
  });

  for (const json of [
    '{"iat":1,"iat":2}',
    '{"iat":1,"iat":1}',
    '{"iat":1,"\\u0069at":2}',
    '{"\\u0069\\u0061\\u0074":1,"i\\u0061t":2}',
    '{"__proto__":{},"__proto__":{}}',
    '{"__proto__":{"username":"a"},"\\u005f_proto__":1}',
    '{"":1,"":2}',
    '{"1":1,"1":2}',
    '{"a":{"b":1,"c":2},"d":[1,{"e":5}],"a":1}',
    '{"a":"}","a":"{"}',
    '{"a\\"":1,"a\\"":2}',
    '{"a\\\\":1,"a\\\\":2}',
    '{ "a" : "\\\\" , "a" : 2 }',
    '{"\\ud83d\\ude00":1,"😀":2}',
  ]) {
    test(`may not name a member twice: ${JSON.stringify(json)}`, () => {
      refuses(withClaims(json), "The assertion's claims part names a member twice.");
      refuses(withHeader(json), "The assertion's header part names a member twice.");
    });
  }

  for (const json of [
    '{"iat":1,"Iat":2}',
    '{"a":{"b":1},"b":1}',
    '{"a":":","b":"\\":\\":"}',
    '{"a":[{"x":1},{"x":2}],"x":3}',
    '{"a":"\\\\","b":"\\\\\\"a\\":1"}',
    '{"__proto__":1,"constructor":2,"toString":3}',
    '{"a":"\'","b":"//:"}',
    "{ }",
    "\t{\r\n}\n",
    '{"é":1,"e\u0301":2}',
  ]) {
    test(`may say anything else: ${JSON.stringify(json)}`, () => {
      assert.deepEqual(parseAssertion(withClaims(json)).unverifiedClaims, JSON.parse(json));
    });
  }

  test("has __proto__ as a member like any other: no prototype changes", () => {
    const { unverifiedClaims } = parseAssertion(withClaims('{"__proto__":{"username":"api-1-demo"}}'));
    assert.equal(unverifiedClaims["username"], undefined);
    assert.deepEqual(Object.keys(unverifiedClaims), ["__proto__"]);
    assert.equal(({} as Record<string, unknown>)["username"], undefined);
  });

  test("is read the same after the runtime has seen the one name that confuses it (nodejs/node 63785)", () => {
    JSON.parse('{"x":[],"\\\\":0}');
    const { unverifiedClaims } = parseAssertion(withClaims('{"x":[],"\\u0069at":5}'));
    assert.deepEqual(Object.keys(unverifiedClaims), ["x", "iat"]);
    JSON.parse('{"iat":1,"\\\\":0}');
    refuses(withClaims('{"iat":1,"\\u0069\\u0061\\u0074":5}'), "The assertion's claims part names a member twice.");
  });

  test("may be nested as deeply as 8192 characters allow", () => {
    const depth = 2900;
    const json = `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    assert.doesNotThrow(() => parseAssertion(withClaims(json)));
    refuses(withClaims(`{"a":${"[".repeat(depth)}}`), "The assertion's claims part isn't JSON.");
    const objects = `${'{"a":'.repeat(900)}1${"}".repeat(900)}`;
    assert.doesNotThrow(() => parseAssertion(withClaims(objects)));
  });

  test("duplicates are found exactly where a slow and careful reader finds them", () => {
    // Names from a small set in several spellings, so that duplicates are common. All of two or more characters: V8 misreads
    // an escaped name of one character once it has seen "\\\\" in its place (github.com/nodejs/node/issues/63785).
    const name = fc.constantFrom(
      '"ab"',
      '"\\u0061b"',
      '"b\\u0061"',
      '"ba"',
      '"a\\""',
      '"\\\\\\\\"',
      '"::"',
      '"{:"',
      '"__proto__"',
    );
    const value = fc.json({ maxDepth: 3 });
    const space = fc.constantFrom("", " ", "\n", "\t ");
    fc.assert(
      fc.property(fc.array(fc.tuple(name, space, value), { maxLength: 5 }), (members) => {
        const json = `{${members.map(([key, gap, text]) => `${key}${gap}:${gap}${text}`).join(",")}}`;
        fc.pre(json.length < 6000);
        const names = members.map(([key]) => JSON.parse(key) as string);
        if (new Set(names).size === names.length) assert.doesNotThrow(() => parseAssertion(withClaims(json)));
        else refuses(withClaims(json), "The assertion's claims part names a member twice.");
      }),
    );
  });
});

describe("an assertion's header", () => {
  for (const alg of ["RS256", "RS384", "RS512"] as const) {
    test(`may name ${alg}`, () => assert.equal(checkHeader({ alg }), alg));
  }

  const RSA_HINT = 'Sign with RS256: in most libraries that is the option algorithm: "RS256".';
  const HS_HINT = "HS algorithms use a shared secret. Sign with your RSA private key and RS256 instead.";
  const refused = (alg: unknown, shown: string, hint = RSA_HINT) => {
    assert.throws(() => checkHeader({ alg }), {
      name: "Refusal",
      code: "assertion_algorithm",
      message: `The assertion's alg is ${shown}; RS256, RS384 or RS512 is needed.`,
      detail: { hint },
    });
  };

  for (const alg of ["none", "None", "NONE", "nOnE", "rs256", "Rs256", "RS1", "RS2567", "ES256", "ES256K", "EdDSA"]) {
    test(`may not name ${alg}`, () => refused(alg, `"${alg}"`));
  }
  for (const alg of ["PS256", "PS384", "PS512", "RSA-OAEP", "RSA1_5", "dir", "A128KW", "ML-DSA-44", "RS256+none"]) {
    test(`may not name ${alg}`, () => refused(alg, `"${alg}"`));
  }
  for (const alg of ["HS256", "HS384", "HS512", "hs256"]) {
    test(`may not name ${alg}, and the hint says why`, () => refused(alg, `"${alg}"`, HS_HINT));
  }
  for (const alg of ["", " RS256", "RS256 ", "RS256\0", "ＲＳ256", "none\u200b", "x".repeat(21), "<script>"]) {
    test(`isn't repeated in the message where it isn't a plain name: ${JSON.stringify(alg)}`, () => {
      refused(alg, "not a name that this service knows");
    });
  }
  for (const alg of [null, 256, true, ["RS256"], { RS256: 1 }]) {
    test(`must name the algorithm in a string: ${JSON.stringify(alg)}`, () => refused(alg, "not a string"));
  }

  test("must name an algorithm", () => {
    assert.throws(() => checkHeader({}), {
      code: "assertion_algorithm",
      message: "The assertion's alg is missing; RS256, RS384 or RS512 is needed.",
      detail: { hint: RSA_HINT },
    });
  });

  test("can't take its algorithm from __proto__", () => {
    const { unverifiedHeader } = parseAssertion(`${encodePart('{"__proto__":{"alg":"RS256"}}')}.e30.AA`);
    assert.throws(() => checkHeader(unverifiedHeader), {
      code: "assertion_algorithm",
      message: "The assertion's alg is missing; RS256, RS384 or RS512 is needed.",
    });
  });

  for (const crit of [["exp"], ["b64"], [], null, "b64", false]) {
    test(`may not have crit: ${JSON.stringify(crit)}`, () => {
      assert.throws(() => checkHeader({ alg: "RS256", crit }), {
        code: "assertion_header",
        message: "The assertion's header has crit, and this service knows no critical extension.",
        detail: { hint: "Leave crit out of the header." },
      });
    });
  }

  for (const type of ["key-proof+jwt", "key-revocation+jwt"]) {
    for (const typ of [type, type.toUpperCase(), `application/${type}`, `Application/${type}`]) {
      test(`may not have the typ of a key's statement about itself: ${typ}`, () => {
        assert.throws(() => checkHeader({ alg: "RS256", typ }), {
          code: "assertion_header",
          message:
            "The assertion's typ is that of a proof of possession or a revocation of a key, which is never an assertion.",
          detail: { hint: 'Sign an assertion of its own, with typ "JWT" or none.' },
        });
      });
    }
  }

  for (const typ of [undefined, "JWT", "jwt", "at+jwt", "JOSE", "key-proof", "", "proof+jwt", null, {}, ["JWT"]]) {
    test(`may have any other typ: ${JSON.stringify(typ)}`, () => {
      assert.equal(checkHeader({ alg: "RS256", typ }), "RS256");
    });
  }

  test("may have any other member, which is ignored", () => {
    const header = {
      alg: "RS256",
      typ: 5,
      cty: null,
      jku: "https://attacker.example/",
      x5u: 1,
      jwk: {},
      x5c: [],
      b64: false,
    };
    assert.equal(checkHeader(header), "RS256");
  });
});

describe("any text as an assertion", () => {
  const valueOrRefusal = (text: string) => {
    try {
      const { unverifiedHeader } = parseAssertion(text);
      checkHeader(unverifiedHeader);
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error));
      assert.ok(["assertion_malformed", "assertion_algorithm", "assertion_header"].includes(error.code), error.code);
    }
  };

  test("gives a value or a refusal", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), valueOrRefusal));
    fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9_.=-]{0,200}$/), valueOrRefusal));
  });

  test("gives a value or a refusal where its parts are any bytes", () => {
    const part = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("base64url"));
    fc.assert(
      fc.property(part, part, part, (header, claims, signature) => {
        valueOrRefusal(`${header}.${claims}.${signature}`);
      }),
    );
  });

  test("gives a value or a refusal where its parts are any JSON", () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (header, claims) => {
        valueOrRefusal(`${encodePart(header)}.${encodePart(claims)}.AA`);
      }),
    );
  });
});
