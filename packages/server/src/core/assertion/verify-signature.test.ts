import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, test } from "node:test";
import type { AssertionAlgorithm } from "@countersign/protocol";
import { buildAssertion, signingInput } from "../../testing/build-assertion.ts";
import { countRsaOperations } from "../../testing/count-rsa.ts";
import { digestInfo, malformedBlocks, paddedBlock, signBlock } from "../../testing/malformed-signatures.ts";
import { rsaKeyPair, type RsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { madeUpModulus } from "../../testing/made-up-modulus.ts";
import { parseAssertion } from "./parse-assertion.ts";
import { findSigningKey, isSignedBy, SIGNATURE_CHECKS_MAX, verificationKey } from "./verify-signature.ts";

// Alice has the smaller modulus, so that each of her signatures is a number that Bob's key is tried with, too.
const [alice, bob] = [rsaKeyPair("one"), rsaKeyPair("another")].toSorted((a, b) =>
  modulusOf(a.publicKey) < modulusOf(b.publicKey) ? -1 : 1,
) as [RsaKeyPair, RsaKeyPair];
const TEXT = signingInput({});

const aliceKey = verificationKey(alice.publicKey);
const bobKey = verificationKey(bob.publicKey);

function find(signature: Buffer, keys = [aliceKey], algorithm: AssertionAlgorithm = "RS256", text = TEXT) {
  return findSigningKey({ signingInput: text, signature }, algorithm, keys);
}

function modulusOf(key: KeyObject): bigint {
  return BigInt(`0x${Buffer.from(key.export({ format: "jwk" }).n ?? "", "base64url").toString("hex")}`);
}

describe("a signature", () => {
  for (const [algorithm, digest] of [
    ["RS256", "sha256"],
    ["RS384", "sha384"],
    ["RS512", "sha512"],
  ] as const) {
    test(`by ${algorithm} verifies, and under no other algorithm's name`, async () => {
      const signature = sign(digest, Buffer.from(TEXT), alice.privateKey);
      for (const named of ["RS256", "RS384", "RS512"] as const) {
        assert.equal(await find(signature, [aliceKey], named), named === algorithm ? aliceKey : undefined);
      }
    });
  }

  test("is attributed to the key that made it, whatever its place in the list", async () => {
    const signature = sign("sha256", Buffer.from(TEXT), alice.privateKey);
    assert.equal(await find(signature, [bobKey, aliceKey]), aliceKey);
    assert.equal(await find(signature, [aliceKey, bobKey]), aliceKey);
    assert.equal(await find(signature, [bobKey]), undefined);
    assert.equal(await find(signature, []), undefined);
  });

  test("covers every character of header and claims", async () => {
    const signature = sign("sha256", Buffer.from(TEXT), alice.privateKey);
    assert.equal(await find(signature), aliceKey);
    for (let at = 0; at < TEXT.length; at += 5) {
      const altered = TEXT.slice(0, at) + (TEXT[at] === "A" ? "B" : "A") + TEXT.slice(at + 1);
      assert.equal(await find(signature, [aliceKey], "RS256", altered), undefined);
    }
    assert.equal(await find(signature, [aliceKey], "RS256", `${TEXT}.`), undefined);
  });

  test("doesn't verify with any byte altered", async () => {
    const signature = sign("sha256", Buffer.from(TEXT), alice.privateKey);
    for (const at of [0, 1, 127, 254, 255]) {
      const altered = Buffer.from(signature);
      altered[at] = (altered[at] ?? 0) ^ 0x80;
      assert.equal(await find(altered), undefined);
    }
  });

  test("has the modulus's length: no more and no fewer bytes, even zeros", async () => {
    const signature = sign("sha256", Buffer.from(TEXT), alice.privateKey);
    for (const other of [
      Buffer.alloc(0),
      Buffer.concat([Buffer.alloc(1), signature]),
      Buffer.concat([signature, Buffer.alloc(1)]),
      signature.subarray(1),
      signature.subarray(0, 255),
      Buffer.concat([signature, signature]),
    ]) {
      assert.equal(await find(other), undefined, `${other.length} bytes`);
    }
  });

  test("that begins with a zero byte verifies, and doesn't without it", async () => {
    // One signature in 256 does; a counter in the text finds one.
    for (let counter = 0; ; counter++) {
      const text = signingInput({ claims: { counter } });
      const signature = sign("sha256", Buffer.from(text), alice.privateKey);
      if (signature[0] !== 0) continue;
      assert.equal(await find(signature, [aliceKey], "RS256", text), aliceKey);
      assert.equal(await find(signature.subarray(1), [aliceKey], "RS256", text), undefined);
      return;
    }
  });

  test("not less than the modulus is refused like any other that doesn't verify", async () => {
    const modulus = modulusOf(alice.publicKey);
    const right = BigInt(`0x${sign("sha256", Buffer.from(TEXT), alice.privateKey).toString("hex")}`);
    const values = [modulus, modulus + 1n, (1n << 2048n) - 1n];
    // The right signature plus the modulus is the same number to a verifier that doesn't compare (RFC 8017 §5.2.2, step 1).
    if (right + modulus < 1n << 2048n) values.push(right + modulus);
    for (const value of values) {
      assert.equal(await find(Buffer.from(value.toString(16).padStart(512, "0"), "hex")), undefined);
    }
  });

  test("plus the modulus, where that fits, is refused", async () => {
    const modulus = modulusOf(alice.publicKey);
    for (let counter = 0; ; counter++) {
      const text = signingInput({ claims: { counter } });
      const signature = sign("sha256", Buffer.from(text), alice.privateKey);
      const sum = BigInt(`0x${signature.toString("hex")}`) + modulus;
      if (sum >= 1n << 2048n) continue;
      assert.equal(await find(signature, [aliceKey], "RS256", text), aliceKey);
      const other = Buffer.from(sum.toString(16).padStart(512, "0"), "hex");
      assert.equal(await find(other, [aliceKey], "RS256", text), undefined);
      return;
    }
  });

  test("by a key whose modulus isn't a whole number of bytes long verifies", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2052 });
    const key = verificationKey(publicKey);
    const signature = sign("sha256", Buffer.from(TEXT), privateKey);
    assert.equal(signature.length, 257);
    assert.equal(await find(signature, [aliceKey, key]), key);
  });
});

describe("a PKCS #1 v1.5 encoding", () => {
  test("made by the raw operation verifies if it is correct, so that the refusals below mean something", async () => {
    const signature = signBlock(alice.privateKey, paddedBlock(digestInfo(TEXT), 256));
    assert.deepEqual(signature, sign("sha256", Buffer.from(TEXT), alice.privateKey));
    assert.equal(await find(signature), aliceKey);
  });

  for (const [name, block] of malformedBlocks(TEXT, 256)) {
    test(`is refused with ${name}`, async () => {
      assert.equal(block.length, 256);
      assert.equal(await find(signBlock(alice.privateKey, block)), undefined);
    });
  }
});

describe("algorithm confusion", () => {
  test("an HMAC under the public key's text is no signature", async () => {
    for (const secret of [
      alice.publicPem,
      alice.publicPem.trim(),
      alice.publicKey.export({ format: "der", type: "spki" }),
    ]) {
      const mac = createHmac("sha256", secret).update(TEXT).digest();
      assert.equal(await find(mac), undefined);
      assert.equal(await find(Buffer.concat([Buffer.alloc(224), mac])), undefined);
    }
  });

  test("a PSS signature by the right key isn't an RS256 signature", async () => {
    const signature = sign("sha256", Buffer.from(TEXT), { key: alice.privateKey, padding: 6, saltLength: 32 });
    assert.equal(signature.length, 256);
    assert.equal(await find(signature), undefined);
  });

  test("an elliptic curve signature doesn't verify, at any length", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    assert.equal(
      await find(sign("sha256", Buffer.from(TEXT), { key: privateKey, dsaEncoding: "ieee-p1363" })),
      undefined,
    );
    assert.equal(await find(sign("sha256", Buffer.from(TEXT), { key: privateKey, dsaEncoding: "der" })), undefined);
  });

  test("a key in the header verifies nothing: not as jwk, not as x5c, not by jku, x5u or kid", async () => {
    const jwk = bob.publicKey.export({ format: "jwk" });
    const spki = bob.publicKey.export({ format: "der", type: "spki" }).toString("base64");
    const header = {
      alg: "RS256",
      jwk,
      x5c: [spki],
      jku: "https://attacker.example/jwks.json",
      x5u: "https://attacker.example/cert.pem",
      kid: "https://attacker.example/",
    };
    const forged = parseAssertion(buildAssertion(bob.privateKey, { header }));
    assert.equal(await findSigningKey(forged, "RS256", [aliceKey]), undefined);
    assert.equal(await findSigningKey(forged, "RS256", []), undefined);
    const honest = parseAssertion(buildAssertion(alice.privateKey, { header }));
    assert.equal(await findSigningKey(honest, "RS256", [aliceKey]), aliceKey);
  });
});

describe("the work of a signature check", () => {
  const wrong = Buffer.alloc(256, 1);
  const longKey = verificationKey(
    createPublicKey({ key: { kty: "RSA", n: madeUpModulus(4096).toString("base64url"), e: "AQAB" }, format: "jwk" }),
  );

  const keysOf = (count: number, bits = 2048) =>
    Array.from({ length: count }, (_, at) => madeUpKey(bits, at)).map(verificationKey);

  test("is the same without a key, with a wrong one and with twenty: two RSA operations", async () => {
    assert.equal(SIGNATURE_CHECKS_MAX, 2);
    for (const keys of [[], [aliceKey], [aliceKey, bobKey], keysOf(20), [longKey], [longKey, aliceKey]]) {
      assert.equal(await countRsaOperations(() => find(wrong, keys)), 2, `${keys.length} keys`);
    }
  });

  test("is the same at every length that a signature can have", async () => {
    for (const length of [256, 257, 384, 512, 1024]) {
      const signature = Buffer.alloc(length, 1);
      for (const keys of [[], [aliceKey], keysOf(3, length * 8)]) {
        assert.equal(await countRsaOperations(() => find(signature, keys)), 2, `${keys.length} keys, ${length} bytes`);
      }
    }
  });

  test("is arithmetic even where the signature is a key's modulus or more, which OpenSSL refuses before any", async () => {
    // As for a decoy, so that a client can't find out whether a user has a key whose modulus it knows.
    const above = Buffer.from((modulusOf(alice.publicKey) + 2n).toString(16), "hex");
    const tried: boolean[] = [];
    const watched = {
      ...aliceKey,
      get keyObject() {
        tried.push(true);
        return aliceKey.keyObject;
      },
    };
    assert.equal(await countRsaOperations(() => find(above, [watched])), 2);
    assert.deepEqual(tried, [], "decoys took its place");
    await find(wrong, [watched]);
    assert.deepEqual(tried, [true]);
  });

  test("is none for a length that no admissible key's signature has, with or without a key", async () => {
    for (const length of [0, 64, 255, 1025, 4096]) {
      const signature = Buffer.alloc(length, 1);
      assert.equal(await countRsaOperations(() => find(signature, [])), 0);
      assert.equal(await countRsaOperations(() => find(signature, [aliceKey])), 0);
    }
  });

  test("stops at the key that verifies", async () => {
    const right = sign("sha256", Buffer.from(TEXT), alice.privateKey);
    assert.equal(await countRsaOperations(() => find(right, [aliceKey, bobKey])), 1);
    assert.equal(await countRsaOperations(() => find(right, [bobKey, longKey, aliceKey])), 2);
  });

  test("doesn't reach a third key of the signature's length", async () => {
    const right = sign("sha256", Buffer.from(TEXT), alice.privateKey);
    assert.equal(await find(right, [bobKey, ...keysOf(1), aliceKey]), undefined);
    assert.equal(await isSignedBy({ signingInput: TEXT, signature: right }, "RS256", aliceKey), true);
    assert.equal(await isSignedBy({ signingInput: TEXT, signature: right }, "RS256", bobKey), false);
    assert.equal(await isSignedBy({ signingInput: TEXT, signature: right }, "RS256", longKey), false);
  });
});

/** The number's last bits distinguish such keys; none of them has a private key. */
function madeUpKey(bits: number, number: number): KeyObject {
  const n = Buffer.from(madeUpModulus(bits));
  // Greater than nearly every signature, so that it is tried.
  n.fill(0xff, 0, 8);
  n[n.length - 2] = number;
  return createPublicKey({ key: { kty: "RSA", n: n.toString("base64url"), e: "AQAB" }, format: "jwk" });
}
