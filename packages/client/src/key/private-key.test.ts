/** What becomes of a private key's text: parse-private-key, repair-key-text and load-signing-key together. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type webcrypto } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CountersignError } from "../countersign-error.ts";
import { signAssertion } from "../sign-jws.ts";
import { isSignedBy } from "../testing/fake-service.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { INTEGER, SEQUENCE, writeElement } from "./der.ts";
import { type PrivateKeySource, prepareSigningKey } from "./load-signing-key.ts";
import { parsePrivateKey } from "./parse-private-key.ts";
import { KEY_TEXT_CHARACTERS_MAX } from "./repair-key-text.ts";

const { publicKey, privateKey, privatePem: pkcs8 } = rsaKeyPair("alice");
const pkcs1 = privateKey.export({ format: "pem", type: "pkcs1" });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const body = (pem: string) => pem.replaceAll(/-----.*-----|\s/g, "");
const escaped = (pem: string) => pem.replaceAll("\n", String.raw`\n`);
const pemOf = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;

/** The form of a key of so many bits; its numbers are none. */
function keyOfBits(bits: number): string {
  const modulus = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  modulus[0] = 0xff >> (modulus.length * 8 - bits);
  const one = writeElement(INTEGER, Uint8Array.of(1));
  const others = Array.from({ length: 7 }, () => one);
  const version = writeElement(INTEGER, Uint8Array.of(0));
  return pemOf("RSA PRIVATE KEY", writeElement(SEQUENCE, version, writeElement(INTEGER, modulus), ...others));
}

async function signsWith(source: PrivateKeySource): Promise<void> {
  const assertion = await signAssertion(await prepareSigningKey(source)(), "api-1-demo", 1.5);
  assert.ok(isSignedBy(assertion, publicKey));
}

/** Says what is wrong in these words, and repeats nothing of the key. */
function isUnusable(problem: string, text = ""): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CountersignError, String(error));
    assert.equal(error.code, "key_unusable");
    assert.equal(error.message, `The private key can't be used: ${problem}.`);
    assert.ok((error.hint ?? "").length > 10);
    quotesNothing(error, text);
    return true;
  };
}

function quotesNothing(error: CountersignError, text: string): void {
  const said = `${error.message} ${error.hint}`;
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{16,}/g)) {
    for (let at = 0; at + 12 <= run.length; at += 4)
      assert.ok(!said.includes(run.slice(at, at + 12)), "quotes the text");
  }
}

describe("a private key signs", () => {
  const certificate = pemOf("CERTIFICATE", randomBytes(300));
  for (const [name, text] of [
    ["as PKCS#8", pkcs8],
    ["as PKCS#1", pkcs1],
    ["with escaped line ends", escaped(pkcs8)],
    ["as PKCS#1 with escaped line ends", escaped(pkcs1)],
    ["with line ends escaped twice", pkcs8.replaceAll("\n", String.raw`\\n`)],
    ["with escaped CRLF", pkcs8.replaceAll("\n", String.raw`\r\n`)],
    ["with CRLF", pkcs8.replaceAll("\n", "\r\n")],
    ["with lone carriage returns", pkcs8.replaceAll("\n", "\r")],
    ["with spaces in place of line ends", pkcs8.replaceAll("\n", " ")],
    ["without line ends", pkcs8.replaceAll("\n", "")],
    ["in double quotes", `"${pkcs8}"`],
    ["in single quotes within double quotes, escaped", `"'${escaped(pkcs8)}'"`],
    ["as a JSON string", JSON.stringify(pkcs8)],
    ["in base64", base64(pkcs8)],
    ["as PKCS#1 in base64 of several lines", base64(pkcs1).replaceAll(/.{76}/g, "$&\n")],
    ["in base64url without padding", Buffer.from(pkcs8).toString("base64url")],
    ["in base64 in quotes", `"${base64(pkcs8)}"`],
    ["with escaped line ends in base64", base64(escaped(pkcs8))],
    ["without its markers", body(pkcs8)],
    ["as PKCS#1 without its markers", body(pkcs1)],
    ["with a byte order mark", `\uFEFF${pkcs8}`],
    ["indented, with text around", `Our key:\n${pkcs8.replaceAll("\n", "\n    ")}\nregards`],
    ["behind its name", `PRIVATE_KEY=${pkcs8}`],
    ["before a chain of certificates", pkcs8 + certificate + certificate],
    ["behind its certificate", certificate + pkcs8],
    ["as PKCS#1 labelled as PKCS#8", pkcs1.replaceAll("RSA PRIVATE", "PRIVATE")],
    ["as PKCS#8 labelled as PKCS#1", pkcs8.replaceAll("PRIVATE", "RSA PRIVATE")],
  ] as const) {
    test(name, () => signsWith(text));
  }

  test("from a promise, and from functions that are plain or asynchronous", async () => {
    await signsWith(Promise.resolve(pkcs8));
    await signsWith(() => pkcs1);
    await signsWith(async () => pkcs8);
  });

  test("of 3072 and 4096 bits, with any public exponent", async () => {
    for (const key of [
      rsaKeyPair("bob", 3072).privateKey,
      generateKeyPairSync("rsa", { modulusLength: 4096, publicExponent: 3 }).privateKey,
    ]) {
      const pem = key.export({ format: "pem", type: "pkcs1" });
      const assertion = await signAssertion(await prepareSigningKey(pem)(), "x", 1);
      assert.ok(isSignedBy(assertion, createPublicKey(key)));
    }
  });

  test("as a CryptoKey, by the algorithm of its hash", async () => {
    for (const [hash, alg, digest] of [
      ["SHA-256", "RS256", "sha256"],
      ["SHA-384", "RS384", "sha384"],
      ["SHA-512", "RS512", "sha512"],
    ] as const) {
      const der = privateKey.export({ format: "der", type: "pkcs8" });
      const algorithm = { name: "RSASSA-PKCS1-v1_5", hash };
      const key = await crypto.subtle.importKey("pkcs8", new Uint8Array(der), algorithm, false, ["sign"]);
      const assertion = await signAssertion(await prepareSigningKey(key)(), "x", 1);
      assert.equal(JSON.parse(Buffer.from(assertion.split(".")[0] ?? "", "base64url").toString()).alg, alg);
      assert.ok(isSignedBy(assertion, publicKey, digest));
    }
  });

  test("again after a function returned another one, which is how keys are replaced without a restart", async () => {
    let text = rsaKeyPair("bob").privatePem;
    const load = prepareSigningKey(() => text);
    const first = await load();
    assert.equal(await load(), first, "the same text isn't imported twice");
    text = pkcs8;
    assert.ok(isSignedBy(await signAssertion(await load(), "x", 1), publicKey));
  });

  test("and can't be got out again", async () => {
    const { key } = await prepareSigningKey(pkcs8)();
    assert.equal(key.extractable, false);
    assert.deepEqual(key.usages, ["sign"]);
  });
});

describe("a text that is no such key is named for what it is, when the source is made", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ed25519 = generateKeyPairSync("ed25519").privateKey;
  const pss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey;
  const encrypted = { cipher: "aes-256-cbc", passphrase: "secret" } as const;
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const pkcs1Der = privateKey.export({ format: "der", type: "pkcs1" });
  const spki = publicKey.export({ format: "der", type: "spki" });
  const MORE_PRIMES = Buffer.from(pkcs1Der);
  // The version after the outer SEQUENCE's four octets.
  MORE_PRIMES[6] = 1;

  for (const [name, text, problem] of [
    ["nothing", "", "there is none"],
    ["white space and quotes", ' "  " ', "there is none"],
    [
      "an encrypted PKCS#8",
      privateKey.export({ format: "pem", type: "pkcs8", ...encrypted }),
      "it is encrypted with a passphrase",
    ],
    [
      "an encrypted PKCS#1",
      privateKey.export({ format: "pem", type: "pkcs1", ...encrypted }),
      "it is encrypted with a passphrase",
    ],
    [
      "an encrypted one without markers",
      privateKey.export({ format: "der", type: "pkcs8", ...encrypted }).toString("base64"),
      "it is encrypted with a passphrase",
    ],
    ["a public key", publicKey.export({ format: "pem", type: "spki" }), "it is a public key"],
    ["a public key of PKCS#1", publicKey.export({ format: "pem", type: "pkcs1" }), "it is a public key"],
    ["a public key without markers", spki.toString("base64"), "it is a public key"],
    ["a public key labelled as a private one", pemOf("PRIVATE KEY", spki), "it is a public key"],
    [
      "an RSAPublicKey labelled as a private one",
      pemOf("RSA PRIVATE KEY", publicKey.export({ format: "der", type: "pkcs1" })),
      "it is a public key",
    ],
    ["an OpenSSH public key", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB alice", "it is a public key"],
    ["a certificate", pemOf("CERTIFICATE", randomBytes(300)), "it is a certificate"],
    ["a certificate request", pemOf("CERTIFICATE REQUEST", randomBytes(300)), "it is a certificate request"],
    ["an OpenSSH private key", pemOf("OPENSSH PRIVATE KEY", randomBytes(300)), "it is in OpenSSH's own format"],
    ["a PuTTY key", "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n", "it is in PuTTY's format"],
    ["a PKCS#12 file in base64", Buffer.from("30080201033003060100", "hex").toString("base64"), "it is a PKCS#12 file"],
    [
      "a key of an elliptic curve",
      ec.privateKey.export({ format: "pem", type: "pkcs8" }),
      "it is a key of an elliptic curve",
    ],
    [
      "a key of an elliptic curve, SEC 1",
      ec.privateKey.export({ format: "pem", type: "sec1" }),
      "it is a key of an elliptic curve",
    ],
    [
      "a key of an elliptic curve without markers",
      ec.privateKey.export({ format: "der", type: "sec1" }).toString("base64"),
      "it is a key of an elliptic curve",
    ],
    ["an Ed25519 key", ed25519.export({ format: "pem", type: "pkcs8" }), "it isn't an RSA key"],
    ["an RSA-PSS key", pss.export({ format: "pem", type: "pkcs8" }), "it is restricted to RSA-PSS"],
    ["a key of 1024 bits", rsaKeyPair("small", 1024).privatePem, "it has 1024 bits, and 2048 to 8192 are allowed"],
    ["a key of 2047 bits", rsaKeyPair("smaller", 2047).privatePem, "it has 2047 bits, and 2048 to 8192 are allowed"],
    ["a key of 8193 bits", keyOfBits(8193), "it has 8193 bits, and 2048 to 8192 are allowed"],
    ["a key of more than two primes", pemOf("RSA PRIVATE KEY", MORE_PRIMES), "it has more than two primes"],
    ["a JWK", JSON.stringify(privateKey.export({ format: "jwk" })), "it is a JWK"],
    ["other JSON", '{"type":"service_account"}', "it is JSON"],
    ["a file's path", "/run/secrets/private.pem", "it looks like a file's name"],
    ["a file's name", "private.pem", "it looks like a file's name"],
    ["a path of Windows", String.raw`C:\keys\new`, "it looks like a file's name"],
    ["words", "my private key", "no private key is in the text"],
    ["two private keys", pkcs8 + pkcs1, "the text holds more than one private key"],
    ["the first line alone", "-----BEGIN PRIVATE KEY-----", "it is cut off"],
    ["half of the first line", "-----BEGIN PRIV", "it is cut off"],
    ["an empty block", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "it is cut off"],
    ["a text without its end", pkcs8.slice(0, 900), "it is cut off"],
    ["a text without its middle", pemOf("PRIVATE KEY", der.subarray(0, 900)), "it is cut off"],
    ["a body without markers and end", body(pkcs8).slice(0, 900), "it is cut off"],
    [
      "line ends that lost their backslash",
      pkcs8.replaceAll("\n", "n"),
      "the line ends in its text became the letter n",
    ],
    ["a body with a character of no base64", pkcs8.replace("MII", "MI*"), "its text is damaged"],
    ["bytes after the key", pemOf("PRIVATE KEY", Buffer.concat([der, Buffer.from([5, 0])])), "its text is damaged"],
    ["BER's open length", pemOf("PRIVATE KEY", Buffer.from("30800201000000", "hex")), "its text is damaged"],
    ["bytes that are nothing", pemOf("PRIVATE KEY", Buffer.alloc(50)), "its text is damaged"],
    ["a very long text", "A".repeat(KEY_TEXT_CHARACTERS_MAX + 1), "its text is far longer than any key"],
  ] as const) {
    test(name, () => {
      assert.throws(() => prepareSigningKey(text), isUnusable(problem, text));
    });
  }

  for (const [name, value, problem] of [
    ["undefined, as of a variable that isn't set", undefined, "there is none"],
    ["null", null, "there is none"],
    ["a number", 5, "it is neither a text nor a CryptoKey"],
    ["Node's KeyObject", createPrivateKey(pkcs8), "it is neither a text nor a CryptoKey"],
  ] as const) {
    test(name, async () => {
      assert.throws(() => prepareSigningKey(value as unknown as string), isUnusable(problem));
      await assert.rejects(prepareSigningKey(() => value as unknown as string)(), isUnusable(problem));
    });
  }

  test("a CryptoKey that is for something else, public, or too small", async () => {
    const generate = async (name: string, modulusLength: number, usages: webcrypto.KeyUsage[], hash = "SHA-256") =>
      await crypto.subtle.generateKey(
        { name, modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash },
        false,
        usages,
      );
    const good = await generate("RSASSA-PKCS1-v1_5", 2048, ["sign", "verify"]);
    const small = await generate("RSASSA-PKCS1-v1_5", 1024, ["sign", "verify"]);
    const sha1 = await generate("RSASSA-PKCS1-v1_5", 2048, ["sign", "verify"], "SHA-1");
    const otherScheme = await generate("RSA-PSS", 2048, ["sign", "verify"]);
    for (const key of [good.publicKey, sha1.privateKey, otherScheme.privateKey]) {
      assert.throws(() => prepareSigningKey(key), isUnusable("the CryptoKey can't sign"));
    }
    const problem = "it has 1024 bits, and 2048 to 8192 are allowed";
    assert.throws(() => prepareSigningKey(small.privateKey), isUnusable(problem));
  });
});

describe("a key whose numbers were changed", () => {
  const der = privateKey.export({ format: "der", type: "pkcs1" });
  const elements = parseIntegers(der);
  for (const [index, name] of ["n", "e", "d", "p", "q", "dp", "dq", "qi"].entries()) {
    test(`is refused instead of signing what no server verifies: ${name}`, async () => {
      const damaged = Buffer.from(der);
      const [start = 0, end = 0] = elements[index + 1] ?? [];
      const at = Math.floor((start + end) / 2);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      // Some platforms never use d, and sign rightly without it.
      const outcome = await prepareSigningKey(pemOf("RSA PRIVATE KEY", damaged))().then(
        (key) => signAssertion(key, "x", 1),
        (error: unknown) => error,
      );
      if (typeof outcome === "string") assert.ok(isSignedBy(outcome, publicKey));
      else assert.match((outcome as Error).message, /its numbers don't belong together|this platform refuses it/);
    });
  }

  /** Where the contents of the nine numbers start and end. */
  function parseIntegers(bytes: Buffer): (readonly [number, number])[] {
    const found: [number, number][] = [];
    for (let at = 4; at < bytes.length; ) {
      let length = bytes[at + 1] ?? 0;
      at += 2;
      if (length === 0x82) {
        length = bytes.readUInt16BE(at);
        at += 2;
      } else if (length === 0x81) length = bytes[at++] ?? 0;
      found.push([at, at + length]);
      at += length;
    }
    return found;
  }
});

describe("whatever the text", () => {
  const outcome = async (source: PrivateKeySource) => {
    try {
      return await prepareSigningKey(source)();
    } catch (error) {
      assert.ok(error instanceof CountersignError, String(error));
      assert.equal(error.code, "key_unusable");
      return error;
    }
  };

  test("there is a key or a typed error, and the error quotes nothing", async () => {
    const pieces = fc.constantFrom(
      "-----BEGIN ",
      "PRIVATE KEY-----",
      "-----END ",
      "\n",
      String.raw`\n`,
      "MIIE",
      '"',
      "RSA ",
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(fc.oneof(pieces, fc.base64String())).map((all) => all.join("")),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const result = await outcome(text);
        if (result instanceof CountersignError) quotesNothing(result, text);
      }),
      { numRuns: 2000 },
    );
  });

  test("a key of which a part was cut out, replaced or doubled is one too, or a typed error", async () => {
    for (const whole of [pkcs8, pkcs1, base64(pkcs8)]) {
      const position = fc.nat(whole.length);
      await fc.assert(
        fc.asyncProperty(position, position, fc.string({ maxLength: 5 }), async (from, to, between) => {
          const text = whole.slice(0, from) + between + whole.slice(to);
          const result = await outcome(text);
          if (result instanceof CountersignError) quotesNothing(result, text);
          else assert.ok(isSignedBy(await signAssertion(result, "x", 1), publicKey));
        }),
        { numRuns: 100 },
      );
    }
  });

  test("bytes that begin like a key give a key or a typed error", async () => {
    const der = privateKey.export({ format: "der", type: "pkcs8" });
    await fc.assert(
      fc.asyncProperty(fc.nat(der.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = Buffer.from(der);
        bytes[at] = byte;
        const result = await outcome(pemOf("PRIVATE KEY", bytes));
        if (!(result instanceof CountersignError))
          assert.ok(isSignedBy(await signAssertion(result, "x", 1), publicKey));
      }),
      { numRuns: 300 },
    );
  });
});

test("a function that fails is told apart from a key that can't be used, without what it said", async () => {
  const load = prepareSigningKey(() => JSON.parse(pkcs8) as string);
  await assert.rejects(load(), (error: unknown) => {
    assert.ok(error instanceof CountersignError);
    assert.equal(error.code, "key_unusable");
    assert.equal(error.message, "The function or promise given as privateKey failed.");
    assert.match(error.hint ?? "", /^It threw SyntaxError\. /);
    assert.equal(error.cause, undefined);
    return true;
  });
});

test("8192 bits are a size, inclusive", () => {
  assert.equal(parsePrivateKey(keyOfBits(8192)).modulus.length, 1024);
});

test("a promise that fails before anybody asks for a token doesn't end the process", async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    const load = prepareSigningKey(Promise.reject(new Error("no such secret")));
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    assert.deepEqual(unhandled, []);
    await assert.rejects(load(), { code: "key_unusable" });
  } finally {
    process.off("unhandledRejection", note);
  }
});

test("the PKCS#8 made of a PKCS#1 key is the one that OpenSSL makes of it", () => {
  const ours = Buffer.from(parsePrivateKey(pkcs1).pkcs8);
  assert.deepEqual(ours, privateKey.export({ format: "der", type: "pkcs8" }));
  assert.ok(sign("sha256", Buffer.from("x"), createPrivateKey({ key: ours, format: "der", type: "pkcs8" })));
});
