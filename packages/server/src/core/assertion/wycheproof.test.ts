/**
 * Wycheproof's vectors (C2SP) through the verifier and the parser that the exchange uses: signatures of RSASSA-PKCS1-v1_5 and
 * of other algorithms, JWSs and JWKs.
 */
import assert from "node:assert/strict";
import { createPublicKey, type webcrypto } from "node:crypto";
import { describe, test } from "node:test";
import { ASSERTION_ALGORITHMS, type AssertionAlgorithm } from "@countersign/protocol";
import { listSharedVectors, readSharedVectors, VECTORS_SKIPPED } from "../../../../../test/testkit/shared-vectors.ts";
import { parsePublicKey } from "../keys/admission.ts";
import { createKeyExaminer } from "../keys/weakness/key-examiner.ts";
import { Refusal } from "../refusal.ts";
import { checkHeader, parseAssertion } from "./parse-assertion.ts";
import { findSigningKey, isSignedBy, verificationKey } from "./verify-signature.ts";

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly result: "valid" | "acceptable" | "invalid";
}

interface SignatureVector extends Vector {
  readonly msg: string;
  readonly sig: string;
}

interface Group<Tests extends Vector> {
  readonly tests: readonly Tests[];
}

interface SignatureGroup extends Group<SignatureVector> {
  readonly keySize: number;
  readonly sha: string;
  readonly publicKeyPem: string;
}

function readGroups(file: string): unknown {
  return (JSON.parse(readSharedVectors("wycheproof", file).toString()) as { readonly testGroups: unknown }).testGroups;
}

const readSignatureGroups = (file: string) => readGroups(file) as readonly SignatureGroup[];

/** The message of a vector as a signing input, whose characters are bytes. */
function signedText({ msg, sig }: SignatureVector) {
  return { signingInput: Buffer.from(msg, "hex").toString("latin1"), signature: Buffer.from(sig, "hex") };
}

const ALGORITHM_OF_HASH: Readonly<Record<string, AssertionAlgorithm>> = {
  "SHA-256": "RS256",
  "SHA-384": "RS384",
  "SHA-512": "RS512",
};

const where = (file: string, { tcId, comment }: Vector) => `${file} ${tcId}: ${comment}`;

describe("RSASSA-PKCS1-v1_5 of 2048 to 8192 bits with SHA-256, SHA-384 and SHA-512", { skip: VECTORS_SKIPPED }, () => {
  const files = listSharedVectors("wycheproof").filter((file) => file.startsWith("rsa_signature_"));

  for (const file of files) {
    test(`${file}: exactly the valid signatures verify`, async () => {
      for (const { publicKeyPem, sha, tests } of readSignatureGroups(file)) {
        const algorithm = ALGORITHM_OF_HASH[sha] ?? assert.fail(sha);
        const key = verificationKey(createPublicKey(publicKeyPem));
        for (const vector of tests) {
          const text = signedText(vector);
          // "acceptable" is a DigestInfo without NULL parameters, which RFC 8017 §9.2 doesn't allow.
          const expected = vector.result === "valid";
          assert.equal((await findSigningKey(text, algorithm, [key])) === key, expected, where(file, vector));
          assert.equal(await isSignedBy(text, algorithm, key), expected, where(file, vector));
        }
      }
    });
  }

  test("are by keys that admission accepts, but for five with the exponent 3", async () => {
    const answers = files
      .flatMap((file) => readSignatureGroups(file))
      .map(
        async ({ publicKeyPem, keySize, tests }) => [await admissionOf(publicKeyPem), keySize, tests.length] as const,
      );
    const refused = (await Promise.all(answers)).filter(([answer]) => answer !== "admitted");
    assert.deepEqual(refused, [
      ["exponent", 2048, 1],
      ["exponent", 2048, 1],
      ["exponent", 2048, 1],
      ["exponent", 3072, 1],
      ["exponent", 3072, 1],
    ]);
  });

  test("are all 3,106 cases", () => {
    const groups = files.flatMap((file) => readSignatureGroups(file));
    assert.equal(groups.flatMap(({ tests }) => tests).length, 3106);
    const sizes = new Set(groups.map(({ keySize, sha }) => `${keySize} ${sha}`));
    assert.equal(sizes.size, 12);
  });
});

describe("signatures by other algorithms", { skip: VECTORS_SKIPPED }, () => {
  for (const [file, why, count] of [
    ["rsa_pss_2048_sha256_mgf1_32_test.json", "RSASSA-PSS pads in another way", 108],
    ["rsa_pss_misc_test.json", "RSASSA-PSS pads in another way", 150],
    ["ecdsa_secp256r1_sha256_p1363_test.json", "a signature has 64 bytes, and an RSA key signs 256 or more", 262],
    ["ecdsa_secp384r1_sha384_p1363_test.json", "a signature has 96 bytes, and an RSA key signs 256 or more", 280],
    ["ed25519_test.json", "a signature has 64 bytes, and an RSA key signs 256 or more", 151],
  ] as const) {
    test(`${file}: none verifies as RS256, RS384 or RS512, not even the valid ones, because ${why}`, async () => {
      let cases = 0;
      for (const { publicKeyPem, tests } of readSignatureGroups(file)) {
        const keyObject = createPublicKey(publicKeyPem);
        // Admission refuses keys that aren't RSA's, so none of them becomes a verification key.
        const keys = keyObject.asymmetricKeyType === "rsa" ? [verificationKey(keyObject)] : [];
        for (const vector of tests) {
          cases++;
          // One signature, wrong as RSASSA-PSS, is a right one by RSASSA-PKCS1-v1_5 with SHA-256.
          const isRs256 = vector.comment === "PKCS #1 v1.5 signature with SHA-256";
          for (const algorithm of ASSERTION_ALGORITHMS) {
            const expected = isRs256 && algorithm === "RS256" ? keys[0] : undefined;
            assert.equal(await findSigningKey(signedText(vector), algorithm, keys), expected, where(file, vector));
          }
        }
      }
      assert.equal(cases, count);
    });
  }
});

const HMAC = "HMAC: a shared secret isn't a public key, and HS256 isn't accepted";
const CURVE = "an elliptic curve: only RSA keys are admitted, and ES256 isn't accepted";
const PSS = "RSASSA-PSS: PS256 isn't accepted, nor a key that is restricted to it";
const ENCRYPTED = "encryption: an assertion is signed, not encrypted, and has three parts";

/** A group, with its number of cases: does it apply, why doesn't it, or what does admission answer to its key? */
type Row = readonly [group: string, cases: number, applies: true | string | { readonly keyRefusal: string }];

/** The groups by their comment and the `alg` of their first key. */
const JOSE_GROUPS: Readonly<Record<string, readonly Row[]>> = {
  "json_web_signature_test.json": [
    ["hs256 HS256", 17, HMAC],
    ["es256 ES256", 15, CURVE],
    ["rs256 RS256", 231, true],
    ["rs384 RS384", 4, true],
    ["rs512 RS512", 4, true],
    ["ps256 PS256", 48, PSS],
    ["ps384 PS384", 5, PSS],
    ["ps512 PS512", 20, PSS],
    ["rfc7520 RS256", 1, true],
    ["rfc7520 PS256", 1, PSS],
    ["rfc7520 ES521", 1, CURVE],
    ["rfc7520 HS256", 2, HMAC],
    ["rfc7520WithKeyOps RS256", 1, true],
    ["rfc7520WithKeyOps PS256", 1, PSS],
    ["rfc7520WithKeyOps ES521", 1, CURVE],
    ["rsa_encryption", 2, { keyRefusal: "key_rejected" }],
    ["ec_key_for_encryption", 2, CURVE],
    ["base64 HS256", 21, HMAC],
    ["SpecialCaseEs256 ES256", 24, CURVE],
  ],
  "json_web_crypto_test.json": [
    ["jws_aes HS256", 17, HMAC],
    ["jws_ec ES256", 15, CURVE],
    ["jws_rsa RS256", 13, true],
    ["jws_rsa_roca_key RS256", 1, { keyRefusal: "roca" }],
    ["jws_mixedSymmetryKeyset HS256", 1, HMAC],
    ["jws_keyset HS256", 2, HMAC],
    ["jwe_aes A256KW", 17, ENCRYPTED],
    ["jwe_ec ECDH-ES+A128KW", 17, ENCRYPTED],
  ],
  "json_web_key_test.json": [
    ["jws_mixedSymmetryKeyset HS256", 1, HMAC],
    ["jws_keyset HS256", 2, HMAC],
    ["jws_duplicate_kid HS256", 1, HMAC],
    ["rs256 RS256", 1, true],
    ["rs256 RSA1_5", 1, { keyRefusal: "key_rejected" }],
    ["jws_rsa_roca_key RS256", 1, { keyRefusal: "roca" }],
    ["keysize_too_small RS256", 1, { keyRefusal: "size" }],
    ["exponentOne RS256", 1, { keyRefusal: "exponent" }],
    ["HS256 HS256", 3, HMAC],
    ["HS384 HS384", 3, HMAC],
    ["HS512 HS512", 3, HMAC],
    ["wrong_algorithm ES521", 1, CURVE],
    ["invalid_algorithm ES224", 1, CURVE],
    ["invalid_use ES256", 1, CURVE],
    ["invalid_point ES256", 1, CURVE],
    ["wrong_curve ES256", 1, CURVE],
    ["wrong_kty ES256", 1, CURVE],
    ["invalid_aes_gcm_key A256GCM", 1, HMAC],
    ["invalid_aes_kw_key A256KW", 1, HMAC],
  ],
};

type Jwk = webcrypto.JsonWebKey;

interface JoseVector extends Vector {
  /** Compact, or the JSON serialization. */
  readonly jws?: unknown;
  readonly jwe?: unknown;
}

interface JoseGroup extends Group<JoseVector> {
  readonly comment: string;
  /** Shared secrets have no public half. */
  readonly public?: Jwk | { readonly keys: readonly Jwk[] };
  readonly private: Jwk | { readonly keys: readonly Jwk[] };
}

const readJoseGroups = (file: string) => readGroups(file) as readonly JoseGroup[];

const isSet = (key: NonNullable<JoseGroup["public"]>): key is { readonly keys: readonly Jwk[] } => "keys" in key;

function keysOf(group: JoseGroup): readonly Jwk[] {
  const key = group.public ?? group.private;
  return isSet(key) ? key.keys : [key];
}

const nameOf = (group: JoseGroup) => [group.comment, keysOf(group)[0]?.alg].filter(Boolean).join(" ");

function headerAlgorithm(jws: string): string {
  const header = JSON.parse(Buffer.from(jws.split(".")[0] ?? "", "base64url").toString()) as { readonly alg: string };
  return header.alg;
}

/** How admission answers a key's text: `admitted`, or why not. Whether its private half was published isn't asked here. */
async function admissionOf(text: string): Promise<string> {
  try {
    const { modulus } = parsePublicKey(text);
    const { weakness } = await createKeyExaminer(() => false).examine(modulus, "");
    return weakness ?? "admitted";
  } catch (error) {
    if (error instanceof Refusal) return error.detail.weakness ?? error.code;
    throw error;
  }
}

/**
 * Is this a JWS by the key? As the exchange decides it, but with any payload: Wycheproof's are no claims.
 *
 * @throws {Refusal} for a JWS that the parser refuses, whatever its payload
 */
async function isJwsBy(jws: string, jwk: Jwk): Promise<boolean> {
  const [header = "", payload = "", signature = ""] = jws.split(".");
  const { unverifiedHeader, signature: bytes } = parseAssertion(jws.replace(/\.[^.]*\./, ".e30."));
  const key = verificationKey(createPublicKey({ key: jwk, format: "jwk" }));
  const text = { signingInput: `${header}.${payload}`, signature: bytes };
  return (await findSigningKey(text, checkHeader(unverifiedHeader), [key])) === key && signature !== "";
}

describe("JWS and JWK", { skip: VECTORS_SKIPPED }, () => {
  for (const [file, rows] of Object.entries(JOSE_GROUPS)) {
    test(`${file}: each of its groups is in the table`, () => {
      const cases = new Map<string, number>();
      for (const group of readJoseGroups(file)) {
        cases.set(nameOf(group), (cases.get(nameOf(group)) ?? 0) + group.tests.length);
      }
      assert.deepEqual(Object.fromEntries(cases), Object.fromEntries(rows.map(([name, count]) => [name, count])));
    });

    for (const [name, , applies] of rows) {
      const groups = () => readJoseGroups(file).filter((group) => nameOf(group) === name);

      if (applies === true) {
        test(`${file}, ${name}: exactly the valid JWSs verify, and none is an assertion, for want of claims`, async () => {
          for (const group of groups()) {
            const [key = assert.fail("no key")] = keysOf(group);
            assert.equal(await admissionOf(JSON.stringify(key)), "admitted");
            for (const vector of group.tests) {
              const jws = String(vector.jws);
              const verified = await isJwsBy(jws, key).catch((error: unknown) => {
                if (error instanceof Refusal) return false;
                throw error;
              });
              assert.equal(verified, vector.result === "valid", where(file, vector));
              assert.throws(() => parseAssertion(jws), { code: "assertion_malformed" }, where(file, vector));
            }
          }
        });
        continue;
      }

      if (typeof applies === "object") {
        test(`${file}, ${name}: the key is what is wrong, and is refused as ${applies.keyRefusal}`, async () => {
          for (const key of groups().flatMap(keysOf)) {
            assert.equal(await admissionOf(JSON.stringify(key)), applies.keyRefusal);
          }
        });
        continue;
      }

      test(`${file}, ${name}: all is refused, because of ${applies}`, async () => {
        for (const group of groups()) {
          for (const key of [...keysOf(group), group.public ?? group.private]) {
            assert.notEqual(await admissionOf(JSON.stringify(key)), "admitted");
          }
          for (const vector of group.tests) {
            const text = typeof vector.jws === "string" ? vector.jws : JSON.stringify(vector.jws ?? vector.jwe);
            // RS256 and the like by a key that its JWK keeps for PS512: the refused key is all that is wrong.
            if (vector.comment.startsWith("UsingRS") && headerAlgorithm(text).startsWith("RS")) continue;
            const check = () => checkHeader(parseAssertion(text.replace(/\.[^.]*\./, ".e30.")).unverifiedHeader);
            assert.throws(check, Refusal, where(file, vector));
          }
        }
      });
    }
  }
});
