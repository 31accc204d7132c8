import assert from "node:assert/strict";
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { KEY_REVOCATION_PURPOSE } from "@countersign/protocol";
import fc from "fast-check";
import { signParts } from "../../../../../test/testkit/sign-assertion.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { buildAssertion } from "../../testing/build-assertion.ts";
import { refusalOf } from "../../testing/refusal-of.ts";
import { Refusal } from "../refusal.ts";
import { parseStatement, signStatement, verifyStatement } from "./statement.ts";

const alice = rsaKeyPair("alice");
const bob = rsaKeyPair("bob");
const CLAIMS = { purpose: KEY_REVOCATION_PURPOSE };
const { n = "", e = "" } = alice.publicKey.export({ format: "jwk" });
const JWK = { kty: "RSA", n, e };
const HEADER = { alg: "RS256", typ: "key-revocation+jwt", jwk: JWK };

const verify = async (text: string) => verifyStatement(parseStatement(text));
const modulusHash = (key: KeyObject) =>
  createHash("sha256")
    .update(Buffer.from(key.export({ format: "jwk" }).n ?? "", "base64url"))
    .digest("hex");

async function refuses(text: string, message: RegExp, code = "revocation_rejected"): Promise<void> {
  const refusal = await refusalOf(verify(text));
  assert.equal(refusal.code, code, refusal.message);
  assert.match(refusal.message, message);
  assert.ok(text.length < 30 || !refusal.message.includes(text.slice(0, 30)), "the message quotes the statement");
}

const base64url = (bytes: Buffer) => bytes.toString("base64url");
const withJwk = (jwk: unknown, key = alice.privateKey) => signParts({ ...HEADER, jwk }, CLAIMS, key);

describe("a revocation statement", () => {
  test("that its key signed is good for the modulus of that key", async () => {
    assert.deepEqual(await verify(signStatement(alice.privateKey)), {
      modulusHash: modulusHash(alice.publicKey),
      exponent: 65_537,
    });
  });

  test("is the same each time, so that a copy from a safe is worth a new one", () => {
    assert.equal(signStatement(alice.privateKey), signStatement(alice.privateKey));
  });

  for (const alg of ["RS256", "RS384", "RS512"]) {
    test(`may be signed with ${alg}, its header's members in any order`, async () => {
      const { exponent } = await verify(signParts({ jwk: JWK, typ: HEADER.typ, alg }, CLAIMS, alice.privateKey));
      assert.equal(exponent, 65_537);
    });
  }

  for (const bits of [2048, 2056, 3072]) {
    test(`may be by a key of ${bits} bits`, async () => {
      const pair = rsaKeyPair("sizes", bits);
      assert.equal((await verify(signStatement(pair.privateKey))).modulusHash, modulusHash(pair.publicKey));
    });
  }

  test("by another key than its jwk's is refused", async () => {
    await refuses(signParts(HEADER, CLAIMS, bob.privateKey), /isn't by the key in its jwk/);
  });

  test("with any part altered is refused", async () => {
    const statement = signStatement(alice.privateKey);
    const [header = "", claims = "", signature = ""] = statement.split(".");
    const other = signParts(HEADER, { purpose: "revoke this key for bad!" }, alice.privateKey).split(".");
    for (const text of [
      [header, other[1], signature],
      [header, claims, other[2]],
      [header, claims, ""],
      [header, claims],
      [header, claims, signature, ""],
      [header, `${claims}=`, signature],
      [` ${header}`, claims, signature],
    ]) {
      await refuses(text.join("."), /^The revocation statement/);
    }
  });

  test("takes any text for refusals, never for a defect", async () => {
    const parts = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constant(JSON.stringify(HEADER)),
      fc.constant(JSON.stringify(CLAIMS)),
    );
    await fc.assert(
      fc.asyncProperty(parts, parts, fc.uint8Array({ maxLength: 300 }), async (header, claims, signature) => {
        const text = [header, claims, Buffer.from(signature)].map((part) => base64url(Buffer.from(part))).join(".");
        const error = await verify(text).catch((thrown: unknown) => thrown);
        assert.ok(error instanceof Refusal);
      }),
    );
  });
});

describe("what isn't a revocation statement is refused", () => {
  test("an assertion, whatever its typ", async () => {
    await refuses(buildAssertion(alice.privateKey), /typ is /);
    await refuses(buildAssertion(alice.privateKey, { header: HEADER }), /claims aren't exactly/);
  });

  test("a proof of possession", async () => {
    const header = { ...HEADER, typ: "key-proof+jwt" };
    await refuses(signParts(header, CLAIMS, alice.privateKey), /typ is /);
  });

  for (const [what, claims] of [
    ["an expiry", { ...CLAIMS, exp: 4_102_444_800 }],
    ["an iat", { ...CLAIMS, iat: 1 }],
    ["an audience", { ...CLAIMS, aud: "https://auth.example" }],
    ["another purpose", { purpose: "revoke this key" }],
    ["a purpose of another type", { purpose: [KEY_REVOCATION_PURPOSE] }],
    ["no claims", {}],
  ] as const) {
    test(`claims with ${what}`, async () => {
      await refuses(signParts(HEADER, claims, alice.privateKey), /claims aren't exactly/);
    });
  }

  test("claims that name the purpose twice", async () => {
    const twice = `{"purpose":"${KEY_REVOCATION_PURPOSE}","purpose":"${KEY_REVOCATION_PURPOSE}"}`;
    await refuses(signParts(HEADER, twice, alice.privateKey), /names a member twice/);
  });

  for (const [what, header, message] of [
    ["no typ", { alg: "RS256", jwk: JWK }, /typ is /],
    ["another typ", { ...HEADER, typ: "JWT" }, /typ is /],
    ["the typ in capitals", { ...HEADER, typ: "KEY-REVOCATION+JWT" }, /typ is /],
    ["alg none", { ...HEADER, alg: "none" }, /alg/],
    ["alg HS256", { ...HEADER, alg: "HS256" }, /alg/],
    ["alg PS256", { ...HEADER, alg: "PS256" }, /alg/],
    ["crit", { ...HEADER, crit: ["exp"] }, /crit/],
    ["a kid", { ...HEADER, kid: "1" }, /besides typ, alg and jwk/],
    ["a jku", { ...HEADER, jku: "https://evil.example" }, /besides typ, alg and jwk/],
    ["no jwk", { alg: "RS256", typ: HEADER.typ }, /no jwk/],
    ["a jwk that is a text", { ...HEADER, jwk: "RSA" }, /no jwk/],
    ["a jwk that is a list", { ...HEADER, jwk: [JWK] }, /no jwk/],
  ] as const) {
    test(`a header with ${what}`, () => refuses(signParts(header, CLAIMS, alice.privateKey), message));
  }
});

describe("the key of a revocation statement", () => {
  test("may have public members that say nothing here", async () => {
    const jwk = { ...JWK, use: "sig", alg: "RS256", kid: "my key", key_ops: ["verify"] };
    assert.equal((await verify(withJwk(jwk))).modulusHash, modulusHash(alice.publicKey));
  });

  test("is refused with private members, and not repeated", async () => {
    const jwk = alice.privateKey.export({ format: "jwk" });
    await refuses(withJwk(jwk), /PRIVATE/, "private_key_exposed");
    await refuses(withJwk({ ...JWK, d: jwk.d }), /PRIVATE/, "private_key_exposed");
    await refuses(alice.privatePem, /PRIVATE/, "private_key_exposed");
    await refuses(JSON.stringify(jwk), /PRIVATE/, "private_key_exposed");
  });

  test("isn't refused for private members that a serialiser wrote as null", async () => {
    assert.equal((await verify(withJwk({ ...JWK, d: null }))).exponent, 65_537);
  });

  for (const [what, jwk, message] of [
    ["another kty", { ...JWK, kty: "EC" }, /isn't an RSA public key/],
    ["no kty", { n, e }, /isn't an RSA public key/],
    ["no n", { kty: "RSA", e }, /isn't an RSA public key/],
    ["an e that is a number", { ...JWK, e: 65_537 }, /isn't an RSA public key/],
    ["padding", { ...JWK, n: `${n}==` }, /base64url/],
    ["plain base64", { ...JWK, n: Buffer.from(n, "base64url").toString("base64") }, /base64url/],
    ["an empty n", { ...JWK, n: "" }, /base64url/],
    ["an e of zero", { ...JWK, e: "AA" }, /base64url/],
    ["an e with a leading zero", { ...JWK, e: "AAEAAQ" }, /leading zeros/],
    [
      "an n with a leading zero",
      { ...JWK, n: base64url(Buffer.concat([Buffer.alloc(1), Buffer.from(n, "base64url")])) },
      /leading zeros/,
    ],
    ["the exponent 1, by which any number is its own signature", { ...JWK, e: "AQ" }, /exponent/],
    ["the exponent 3", { ...JWK, e: "Aw" }, /exponent/],
    ["an even exponent", { ...JWK, e: "AQAC" }, /exponent/],
    ["an exponent of 33 bits", { ...JWK, e: "AQAAAAE" }, /exponent/],
    ["an exponent as long as the modulus", { ...JWK, e: n }, /exponent/],
    ["an even modulus", { ...JWK, n: base64url(evenModulus()) }, /even/],
    ["a multiple of the modulus", { ...JWK, n: base64url(multiple(3n)) }, /isn't by the key/],
    ["a nested object", { ...JWK, x: { n: "AQ" } }, /twice, or nests/],
  ] as const) {
    test(`is refused with ${what}`, () => refuses(withJwk(jwk), message));
  }

  test("is refused when its jwk names a member twice, since readers may take either", async () => {
    const twice = `{"alg":"RS256","typ":"key-revocation+jwt","jwk":{"kty":"RSA","n":"AQ","n":"${n}","e":"${e}"}}`;
    await refuses(signParts(twice, CLAIMS, alice.privateKey), /twice/);
  });

  test("has 2048 to 8192 bits", async () => {
    for (const [bits, message] of [
      [2040, /2040 bits/],
      [2047, /2047 bits/],
      [8193, /8193 bits/],
      // Signatures of these lengths would be needed, so these go on to the check of the signature.
      [2048, /isn't by the key/],
      [8192, /isn't by the key/],
    ] as const) {
      await refuses(withJwk({ ...JWK, n: base64url(modulusOfBits(bits)) }), message);
    }
  });

  test("isn't taken for an RSA key by the exponent of another: the signature decides", async () => {
    const other = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 65_539 });
    const { n: otherN = "" } = other.publicKey.export({ format: "jwk" });
    assert.equal((await verify(signStatement(other.privateKey))).exponent, 65_539);
    await refuses(withJwk({ kty: "RSA", n: otherN, e: "AQAB" }, other.privateKey), /isn't by the key/);
  });
});

test("a signature that isn't less than the modulus costs no arithmetic and is refused", async () => {
  const [header, claims] = signStatement(alice.privateKey).split(".");
  for (const signature of [
    Buffer.from(n, "base64url"),
    Buffer.alloc(256, 0xff),
    Buffer.alloc(257, 1),
    Buffer.alloc(0),
  ]) {
    await refuses(`${header}.${claims}.${base64url(signature)}`, /isn't by the key/);
  }
});

function evenModulus(): Buffer {
  const bytes = Buffer.from(n, "base64url");
  bytes[bytes.length - 1] = 0;
  return bytes;
}

function multiple(factor: bigint): Buffer {
  const hex = (BigInt(`0x${Buffer.from(n, "base64url").toString("hex")}`) * factor).toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

/** An odd number of this many bits. */
function modulusOfBits(bits: number): Buffer {
  const hex = ((1n << BigInt(bits - 1)) + 1n).toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

test("the modulus's hash is that of the key as it is registered", async () => {
  const registered = createPublicKey(alice.publicPem);
  assert.equal((await verify(signStatement(alice.privateKey))).modulusHash, modulusHash(registered));
});
