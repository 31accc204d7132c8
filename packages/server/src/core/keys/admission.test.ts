import assert from "node:assert/strict";
import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { madeUpModulus } from "../../testing/made-up-modulus.ts";
import { type PublicKeyVectors, readPublicKeyVectors } from "../../testing/vectors.ts";
import { KEY_TEXT_CHARACTERS_MAX, keyTextOfBytes, type RefusalCode, type Weakness } from "@countersign/protocol";
import { parsePublicKey, sshFingerprint } from "./admission.ts";
import { Refusal } from "../refusal.ts";

const vectors = readPublicKeyVectors();
const [vector] = vectors.keys as [PublicKeyVectors["keys"][number]];
const pkcs1 = vector.pkcs1 ?? "";
const certificate = vector.certificate ?? "";
const spkiDer = createPublicKey(vector.spki).export({ format: "der", type: "spki" });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const modulus64 = Buffer.from(vector.jwk.n, "base64url").toString("base64");
const rfc4716 = [
  "---- BEGIN SSH2 PUBLIC KEY ----",
  'Comment: "2048-bit RSA, converted by alice@laptop from OpenSSH"',
  ...((vector.ssh.split(" ")[1] ?? "").match(/.{1,70}/g) ?? []),
  "---- END SSH2 PUBLIC KEY ----",
  "",
].join("\n");
/** As serializers of records write them. */
const ABSENT_MEMBERS = Object.fromEntries(
  ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "use", "alg", "key_ops", "kid", "x5c", "x5u"].map((name) => [
    name,
    null,
  ]),
);
const PRIVATE =
  "this is a PRIVATE key. It wasn't stored, but it should now be considered exposed: make a new key pair, " +
  "keep the private half where it was made, and add only the public half";

function refuses(text: string, problem: string, code: RefusalCode = "key_rejected", weakness?: Weakness): void {
  assert.throws(
    () => parsePublicKey(text),
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, code);
      assert.equal(error.detail.weakness, weakness);
      assert.equal(error.message, `The key is refused: ${problem}.`);
      quotesNothing(error.message, text);
      return true;
    },
  );
}

/** Asserts that the message quotes no run of base64, hex or digits of the text, as key material would be. */
function quotesNothing(message: string, text: string): void {
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{16,}/g)) {
    for (let at = 0; at + 12 <= run.length; at += 4) {
      assert.ok(!message.includes(run.slice(at, at + 12)), "the message quotes the text");
    }
  }
}

function jwkText(members: object): string {
  return JSON.stringify({ kty: "RSA", ...members });
}

describe("an admitted key", () => {
  for (const { name, bits, fingerprint, thumbprint, spkiSha256, ...forms } of vectors.keys) {
    for (const [form, text] of [
      ["PEM PUBLIC KEY", forms.spki],
      ["PEM RSA PUBLIC KEY", forms.pkcs1],
      ["PEM CERTIFICATE", forms.certificate],
      ["a JWK", JSON.stringify(forms.jwk)],
      ["an OpenSSH line", forms.ssh],
    ] as const) {
      if (text === undefined) continue;
      test(`has the fingerprint that ssh-keygen -l prints, the thumbprint of RFC 7638 and one SPKI: ${name}, ${form}`, () => {
        const key = parsePublicKey(text);
        assert.equal(key.bits, bits);
        assert.equal(key.fingerprint, fingerprint);
        assert.equal(key.thumbprint, thumbprint);
        assert.equal(createHash("sha256").update(key.spki).digest("hex"), spkiSha256);
        assert.equal(sshFingerprint(createPublicKey(forms.spki)), fingerprint);
      });
    }
  }

  test("of RFC 7638's own example has the thumbprint that the RFC prints", () => {
    const { jwk, thumbprint } = vectors.rfc7638Example;
    assert.equal(parsePublicKey(JSON.stringify(jwk)).thumbprint, thumbprint);
    assert.equal(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  });

  for (const [name, text] of [
    ["CRLF", vector.spki.replaceAll("\n", "\r\n")],
    ["lone carriage returns at the ends of the lines", vector.spki.replaceAll("\n", "\r\n\r")],
    ["escaped line feeds, as environment variables have them", vector.spki.replaceAll("\n", String.raw`\n`)],
    ["escaped CRLF", vector.spki.replaceAll("\n", String.raw`\r\n`)],
    ["text around the markers", `Subject: acme\nhere it is:\n\n${vector.spki}\nregards\n-- \nalice`],
    ["text beside the markers", `key=${vector.spki.trim()};`],
    ["white space around", ` \n\t${vector.spki}\n\n `],
    ["a byte order mark", `\ufeff${vector.spki}`],
    ["its body on one line", vector.spki.replaceAll(/(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])/g, "")],
    ["indented lines", vector.spki.replaceAll("\n", "\n    ")],
    ["a PKCS#1 block in CRLF", pkcs1.replaceAll("\n", "\r\n")],
    [
      "a certificate with openssl's text before it",
      `Certificate:\n    Data:\n        Version: 3 (0x2)\n${certificate}`,
    ],
    ["line feeds escaped twice", vector.spki.replaceAll("\n", String.raw`\\n`)],
    ["quotes around it", `"${vector.spki.replaceAll("\n", String.raw`\n`)}"`],
    ["spaces in place of line ends", vector.spki.replaceAll("\n", " ")],
    ["a word processor's dashes", vector.spki.replaceAll("-----", "\u2014\u2014-")],
    ["en dashes and other spaces", vector.spki.replaceAll("-----", "\u2013\u2013").replaceAll(" ", "\u00a0")],
    ["fewer dashes", vector.spki.replaceAll("-----", "---")],
    ["zero-width spaces", vector.spki.replaceAll("\n", "\u200b\n")],
    ["NUL characters between, as UTF-16 read as bytes has", Buffer.from(vector.spki, "utf16le").toString("latin1")],
    ["no markers", spkiDer.toString("base64")],
    ["no markers, in lines", vector.spki.split("\n").slice(1, -2).join("\n")],
    ["no markers, in base64url", spkiDer.toString("base64url")],
    ["no markers, as PKCS#1", pkcs1.split("\n").slice(1, -2).join("\n")],
    ["no markers, as a certificate", certificate.split("\n").slice(1, -2).join("\n")],
    ["hexadecimal digits", spkiDer.toString("hex")],
    ["base64 around the PEM text", base64(vector.spki)],
    ["base64 around the PEM text, in lines", base64(vector.spki).replaceAll(/.{76}/g, "$&\n")],
    ["base64 around the PEM text in UTF-16", Buffer.from(`\ufeff${vector.spki}`, "utf16le").toString("base64")],
    ["base64 around a JWK", base64(JSON.stringify(vector.jwk))],
    ["base64 around an OpenSSH line", base64(vector.ssh)],
    ["SPKI under the label of PKCS#1", vector.spki.replaceAll("PUBLIC KEY", "RSA PUBLIC KEY")],
    ["PKCS#1 under the label of SPKI", pkcs1.replaceAll("RSA PUBLIC KEY", "PUBLIC KEY")],
    ["a key under a certificate's label", vector.spki.replaceAll("PUBLIC KEY", "CERTIFICATE")],
    ["a certificate under a key's label", certificate.replaceAll("CERTIFICATE", "PUBLIC KEY")],
    ["RFC 4716's markers and headers", rfc4716],
    [
      "RFC 4716's markers, a continued header and CRLF",
      rfc4716.replace("\n", "\nx-note: a long \\\nnote - here\n").replaceAll("\n", "\r\n"),
    ],
    ["an OpenSSH key without its type", vector.ssh.split(" ")[1] ?? ""],
    ["RSAKeyValue", `<RSAKeyValue><Modulus>${modulus64}</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>`],
    [
      "RSAKeyValue of another namespace, over several lines",
      `<?xml version="1.0"?>\n<ds:RSAKeyValue>\n <ds:Modulus>\n${modulus64}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>\n</ds:RSAKeyValue>`,
    ],
    [
      "Azure's kty for a key in hardware",
      JSON.stringify({ ...vector.jwk, kty: "RSA-HSM", kid: "https://v.example/k/1", key_ops: ["verify"] }),
    ],
    ["JSON's escapes in a JWK", JSON.stringify({ ...vector.jwk, kid: 'a\n"b"\\\r\u0041' })],
    ["escaped letters in a JWK", JSON.stringify(vector.jwk).replace('"kty":"RSA"', String.raw`"\u006bty":"\u0052SA"`)],
    ["escaped line ends between a JWK's members", JSON.stringify(vector.jwk, null, 2).replaceAll("\n", String.raw`\n`)],
    ["a JWK in a JSON string", JSON.stringify(JSON.stringify(vector.jwk))],
    ["a JWK whose quotation marks are escaped", JSON.stringify(vector.jwk).replaceAll('"', String.raw`\"`)],
    ["null for the members that a public JWK doesn't have", JSON.stringify({ ...vector.jwk, ...ABSENT_MEMBERS })],
    ["a byte order mark before a JWK", `\ufeff${JSON.stringify(vector.jwk)}`],
    ["an OpenSSH line without a comment", vector.ssh.split(" ").slice(0, 2).join(" ")],
    ["an OpenSSH line with options", `no-pty,command="echo ok" ${vector.ssh}`],
    ["an OpenSSH line in CRLF", `${vector.ssh}\r\n`],
    ["an OpenSSH line with tabs", vector.ssh.replaceAll(" ", "\t")],
    ["an OpenSSH line with a comment of several words", `${vector.ssh} of acme`],
    ["a JWK with what it is for", jwkText({ ...vector.jwk, use: "sig", alg: "RS384", kid: "1", key_ops: ["verify"] })],
    ["a JWK over several lines", JSON.stringify(vector.jwk, null, 2)],
  ] as const) {
    test(`is admitted in this form: ${name}`, () => {
      assert.equal(parsePublicKey(text).fingerprint, vector.fingerprint);
    });
  }

  for (const bits of [2048, 3072, 4096, 8192]) {
    test(`may have ${bits} bits`, () => {
      const n = madeUpModulus(bits);
      const key = parsePublicKey(jwkText({ n: n.toString("base64url"), e: "AQAB" }));
      assert.equal(key.bits, bits);
      assert.equal(key.spki.length > n.length, true);
    });
  }

  test("may have any odd exponent from 65537 to 2^32 - 1", () => {
    for (const e of ["AQAB", "AQAD", "_____w"]) {
      assert.equal(parsePublicKey(jwkText({ n: vector.jwk.n, e })).bits, 2048);
    }
  });

  test("has one thumbprint, however its numbers are encoded", () => {
    const padded = Buffer.concat([Buffer.alloc(3), Buffer.from(vector.jwk.n, "base64url")]).toString("base64url");
    assert.equal(parsePublicKey(jwkText({ n: padded, e: "AAAAAQAB" })).thumbprint, vector.thumbprint);
  });
});

describe("a private key is refused as such, and its text isn't repeated", () => {
  const { privateKey } = rsaKeyPair("alice");
  const jwk = privateKey.export({ format: "jwk" });
  const traditional = privateKey.export({ format: "pem", type: "pkcs1" });
  const encrypted = privateKey.export({
    format: "pem",
    type: "pkcs8",
    cipher: "aes-256-cbc",
    passphrase: "x",
  });
  const { privatePem, publicPem } = rsaKeyPair("alice");
  const pkcs8Der = privateKey.export({ format: "der", type: "pkcs8" });
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const { d, ...publicHalf } = jwk;
  // Recognised by its markers alone, so the body needn't be a key.
  const body = Buffer.alloc(600, "not really a key").toString("base64");

  for (const [name, text] of [
    ["PKCS#1", traditional],
    ["PKCS#8", privatePem],
    ["PKCS#8, encrypted", encrypted],
    [
      "PKCS#1, encrypted",
      traditional.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"),
    ],
    ["SEC 1", elliptic.export({ format: "pem", type: "sec1" })],
    ["OpenSSH", `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`],
    ["SSH2", `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n${body}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n`],
    ["PuTTY", `PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPrivate-Lines: 14\n${body}\n`],
    ["a JWK", JSON.stringify(jwk)],
    ["a JWK over several lines", JSON.stringify(jwk, null, 2)],
    ["a JWK with d alone", JSON.stringify({ kty: "RSA", n: jwk.n, e: jwk.e, d })],
    ["a JWK with p and q alone", JSON.stringify({ kty: "RSA", n: jwk.n, e: jwk.e, p: jwk.p, q: jwk.q })],
    ["a JWK without d", JSON.stringify(publicHalf)],
    [
      "a JWK whose d is spelt with an escape",
      JSON.stringify(jwk)
        .replace('"d"', String.raw`"\u0064"`)
        .replaceAll(/"(p|q|dp|dq|qi)"/g, '"x$1"'),
    ],
    ["a JWK of an elliptic curve", JSON.stringify(elliptic.export({ format: "jwk" }))],
    ["a JWK Set", JSON.stringify({ keys: [vector.jwk, jwk] })],
    ["a JWK in an array", JSON.stringify([jwk])],
    ["with CRLF", privatePem.replaceAll("\n", "\r\n")],
    ["with escaped line feeds", privatePem.replaceAll("\n", String.raw`\n`)],
    ["on one line", privatePem.replaceAll("\n", "")],
    ["cut off", privatePem.slice(0, 300)],
    ["without its first line", privatePem.split("\n").slice(1).join("\n")],
    ["behind its public half", `${publicPem}\n${privatePem}`],
    ["before its public half", `${privatePem}\n${publicPem}`],
    ["behind text", `here is my key:\n${privatePem}`],
    ["in lower case", privatePem.replace("PRIVATE KEY", "private key")],
    ["in bare base64", pkcs8Der.toString("base64")],
    ["PKCS#1 in bare base64", privateKey.export({ format: "der", type: "pkcs1" }).toString("base64")],
    ["in base64 of the PEM text", base64(privatePem)],
    ["in hexadecimal digits", pkcs8Der.toString("hex")],
    ["under the label of a public key", privatePem.replaceAll("PRIVATE KEY", "PUBLIC KEY")],
    ["under the label of a certificate", privatePem.replaceAll("PRIVATE KEY", "CERTIFICATE")],
    ["RSAKeyValue", `<RSAKeyValue><Modulus>${jwk.n}</Modulus><Exponent>AQAB</Exponent><D>${jwk.d}</D></RSAKeyValue>`],
    ["a cloud's JSON file", JSON.stringify({ type: "service_account", private_key: privatePem })],
    ["a JWK with members that are null beside it", JSON.stringify({ ...jwk, oth: null, k: null })],
    ["with a word processor's dashes", privatePem.replaceAll("-----", "\u2014\u2014-")],
    ["in UTF-16 read as bytes", Buffer.from(privatePem, "utf16le").toString("latin1")],
  ] as const) {
    const advice = name === "OpenSSH" ? " ssh-keygen writes the public half into the file that ends in .pub" : "";
    test(name, () => refuses(text, advice === "" ? PRIVATE : `${PRIVATE}.${advice}`, "private_key_exposed"));
  }
});

describe("a key that is too weak or of another kind is refused", () => {
  for (const { name, text, message, weakness } of vectors.refused) {
    test(name, () => refuses(text, message, weakness === undefined ? "key_rejected" : "key_weak", weakness));
  }

  const modulus = Buffer.from(vector.jwk.n, "base64url");
  const withModulus = (n: Buffer, e = "AQAB") => jwkText({ n: n.toString("base64url"), e });
  const EXPONENT = "the key's public exponent must be odd and from 65537 to 2^32 - 1";

  for (const bits of [512, 1024, 2047, 8193, 16_384]) {
    test(`${bits} bits`, () => {
      const problem = `the key has ${bits} bits; 2048 to 8192 are allowed`;
      refuses(withModulus(madeUpModulus(bits)), problem, "key_weak", "size");
    });
  }

  for (const [name, e] of [
    ["the exponent 1", "AQ"],
    ["the exponent 3", "Aw"],
    ["the exponent 65535", "__8"],
    ["the exponent 65536", "AQAA"],
    ["the even exponent 65538", "AQAC"],
    ["the exponent 2^32", "AQAAAAA"],
    ["the exponent 2^32 + 1", "AQAAAAE"],
    ["the exponent 2^64 + 1", "AQAAAAAAAAAB"],
  ] as const) {
    test(name, () => refuses(withModulus(modulus, e), EXPONENT, "key_weak", "exponent"));
  }
});

describe("a text that holds no single public key is refused", () => {
  for (const [name, text, problem] of [
    ["nothing", "", "the key is empty"],
    ["white space", " \r\n\t ", "the key is empty"],
    ["escaped line feeds alone", String.raw`\n\r\n`, "the key is empty"],
    ["a byte order mark alone", "\ufeff", "the key is empty"],
    [
      "words",
      "my public key",
      "it isn't a public key in a known form: PEM, certificate, JWK or an OpenSSH ssh-rsa line",
    ],
    ["a file's name", "keys/public.pem", "it looks like a file's name; give what the file holds"],
    [
      "bare base64 cut off",
      spkiDer.toString("base64").slice(0, 200),
      "the base64 text is damaged: its contents can't be read",
    ],
    [
      "an RFC 4716 text cut off",
      rfc4716.replace(/\n.*\n(?=----)/, "\n"),
      "the RFC 4716 (SSH2) key is damaged or cut off",
    ],
    ["XML of another kind", "<html><body>Sign in</body></html>", "it is a page of HTML, not a key"],
    [
      "a PGP key",
      "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n-----END PGP PUBLIC KEY BLOCK-----",
      "it is an OpenPGP key; an RSA key in PEM is needed",
    ],
    ["XML", "<Key>x</Key>", "it looks like XML, but isn't an RSAKeyValue with Modulus and Exponent"],
    [
      "an elliptic curve's parameters",
      "-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----",
      "it is the parameters of an elliptic curve, and an RSA key is needed",
    ],
    [
      "another block",
      "-----BEGIN TICKET-----\nAAAA\n-----END TICKET-----",
      "a PEM block of the type TICKET isn't a public key; PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE are",
    ],
    [
      "a JWT",
      "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.AAAA",
      "it is a JWT, such as an assertion; the public key that checks its signature is needed",
    ],
    ["a fingerprint", `SHA256:${"a".repeat(43)}`, "it is a key's fingerprint; the whole public key is needed"],
    ["an address", "https://example.com/keys/1", "it is an address; download the key, and give what the file holds"],
    [
      "a fingerprint as ssh-keygen -l prints it",
      `2048 SHA256:${"a".repeat(43)} me@example.com (RSA)`,
      "it is a key's fingerprint; the whole public key is needed",
    ],
    [
      "a token",
      "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU",
      "it is a token of this service; the client's public key is needed",
    ],
    [
      "a certificate request in DER",
      Buffer.from("3082010b3081f4020100300c310a300806035504030c0178", "hex").toString("base64"),
      "it is a certificate request; take the public key out of it: openssl req -in request.pem -noout -pubkey",
    ],
    [
      "a PKCS #7 bundle in DER",
      Buffer.from("308203f006092a864886f70d010702a08203e1", "hex").toString("base64"),
      "it is a PKCS #7 bundle; take the certificate out of it: openssl pkcs7 -in bundle.p7b -print_certs",
    ],
    [
      "a picture",
      keyTextOfBytes(Buffer.from("89504e470d0a1a0a0000000d3c", "hex")),
      "it is a binary file, not a public key",
    ],
    [
      "a line of known_hosts with a key of another type",
      "example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
      "it is an OpenSSH key of another type; an ssh-rsa key is needed",
    ],
    [
      "a Java key store",
      keyTextOfBytes(Buffer.from("feedfeed00000002000000010000ffff", "hex")),
      "it is a binary file, not a public key; from a key store, export the certificate: keytool -exportcert -rfc",
    ],
    ["two blocks", vector.spki + pkcs1, "the text holds 2 PEM blocks; give exactly one key"],
    ["one block twice", vector.spki + vector.spki, "the text holds 2 PEM blocks; give exactly one key"],
    ["a chain of three certificates", certificate.repeat(3), "the text holds 3 PEM blocks; give exactly one key"],
    ["a block cut off", vector.spki.slice(0, 200), "the PEM text is cut off: its END line is missing or damaged"],
    [
      "a block whose markers differ",
      vector.spki.replace("END PUBLIC", "END RSA PUBLIC"),
      "the PEM text's BEGIN and END lines don't match",
    ],
    ["an empty block", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "the PEM text's body isn't base64"],
    [
      "a block with a header",
      vector.spki.replace("-----\n", "-----\nComment: x\n"),
      "the PEM text's body isn't base64",
    ],
    ["a block of base64url", vector.spki.replaceAll(/[A-Za-z0-9]{2}\n/g, "_.\n"), "the PEM text's body isn't base64"],
    [
      "a block of zeros",
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
      "the PUBLIC KEY is damaged: its contents can't be read",
    ],
    [
      "a certificate request",
      vector.spki.replaceAll("PUBLIC KEY", "CERTIFICATE REQUEST"),
      "it is a certificate request; take the public key out of it: openssl req -in request.pem -noout -pubkey",
    ],
    ["a JWK cut off", JSON.stringify(vector.jwk).slice(0, -1), "it looks like a JWK, but isn't JSON"],
    ["an array", "[]", "a JWK is a JSON object"],
    ["a JWK Set", JSON.stringify({ keys: [vector.jwk] }), "it is a JWK Set; give one key out of its keys"],
    ["an object", "{}", "it is JSON, but not a JWK: it has no kty"],
    ["a JWK of another type", JSON.stringify({ ...vector.jwk, kty: "EC" }), "the JWK's kty isn't \"RSA\""],
    ["a JWK with kty in lower case", JSON.stringify({ ...vector.jwk, kty: "rsa" }), "the JWK's kty isn't \"RSA\""],
    ["a JWK without n", jwkText({ e: "AQAB" }), "the JWK's n or e is missing"],
    ["a JWK without e", jwkText({ n: vector.jwk.n }), "the JWK's n or e is missing"],
    ["a JWK with e as a number", jwkText({ n: vector.jwk.n, e: 65_537 }), "the JWK's n or e is missing"],
    ["a JWK with an empty n", jwkText({ n: "", e: "AQAB" }), "the JWK's n or e isn't base64url"],
    ["a JWK with padding", jwkText({ n: `${vector.jwk.n}=`, e: "AQAB" }), "the JWK's n or e isn't base64url"],
    ["a JWK in plain base64", jwkText({ n: `+${vector.jwk.n}`, e: "AQAB" }), "the JWK's n or e isn't base64url"],
    [
      "a JWK for encryption",
      jwkText({ ...vector.jwk, use: "enc" }),
      "the JWK's use isn't sig: it isn't meant for signatures",
    ],
    ["a JWK for PS256", jwkText({ ...vector.jwk, alg: "PS256" }), "the JWK's alg isn't RS256, RS384 or RS512"],
    ["a JWK for RSA-OAEP", jwkText({ ...vector.jwk, alg: "RSA-OAEP" }), "the JWK's alg isn't RS256, RS384 or RS512"],
    ["an OpenSSH line cut off", vector.ssh.slice(0, 200), "the OpenSSH line is damaged or cut off"],
    [
      "an OpenSSH line whose blob is of another type",
      `ssh-rsa ${Buffer.from("\0\0\0\x07ssh-dss\0\0\0\x01\x01\0\0\0\x01\x01").toString("base64")}`,
      "the OpenSSH line is damaged or cut off",
    ],
    [
      "an OpenSSH line with more behind the key",
      `ssh-rsa ${Buffer.concat([Buffer.from(vector.ssh.split(" ")[1] ?? "", "base64"), Buffer.from("\0\0\0\x01x")]).toString("base64")}`,
      "the OpenSSH line is damaged or cut off",
    ],
    [
      "an OpenSSH line whose lengths lie",
      `ssh-rsa ${Buffer.from("\xff\xff\xff\xffssh-rsa", "latin1").toString("base64")}`,
      "the OpenSSH line is damaged or cut off",
    ],
    [
      "an ECDSA line",
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= alice",
      "it is an OpenSSH key of another type; an ssh-rsa key is needed",
    ],
    [
      "a hardware key's line",
      "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t alice",
      "it is an OpenSSH key of another type; an ssh-rsa key is needed",
    ],
    [
      "an OpenSSH certificate",
      "ssh-rsa-cert-v01@openssh.com AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20= alice",
      "it is an OpenSSH key of another type; an ssh-rsa key is needed",
    ],
  ] as const) {
    test(name, () => refuses(text, problem));
  }

  test("two OpenSSH lines, of which either may be meant", () => {
    const other = vectors.keys[1]?.ssh ?? "";
    assert.throws(() => parsePublicKey(`${vector.ssh}\n${other}\n`), { name: "Refusal", code: "key_rejected" });
  });

  test("DER cut off at any place", () => {
    const der = createPublicKey(vector.spki).export({ format: "der", type: "spki" });
    for (let length = 1; length < der.length; length += 7) {
      const text = `-----BEGIN PUBLIC KEY-----\n${der.subarray(0, length).toString("base64")}\n-----END PUBLIC KEY-----`;
      refuses(text, "the PUBLIC KEY is damaged: its contents can't be read");
    }
  });

  test("more than 65536 characters", () => {
    const filled = vector.spki + " ".repeat(KEY_TEXT_CHARACTERS_MAX - vector.spki.length);
    assert.equal(parsePublicKey(filled).bits, 2048);
    refuses(`${filled} `, "the key's text has 65537 characters; at most 65536 are allowed");
  });
});

describe("any text", () => {
  const admittedOrRefused = (text: string) => {
    try {
      parsePublicKey(text);
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error));
      assert.ok(["key_rejected", "key_weak", "private_key_exposed"].includes(error.code), error.code);
      assert.ok(error.message.length < 300, "a message is one line that can be read");
      quotesNothing(error.message, text);
    }
  };

  test("is admitted or refused, and a refusal quotes no part of it", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 500 }), admittedOrRefused));
    fc.assert(fc.property(fc.json(), admittedOrRefused));
  });

  test("is admitted or refused where a real key was altered", () => {
    const forms = [vector.spki, pkcs1, certificate, vector.ssh, JSON.stringify(vector.jwk)];
    fc.assert(
      fc.property(
        fc.constantFrom(...forms),
        fc.array(fc.tuple(fc.nat(2000), fc.nat(4), fc.string({ maxLength: 3, unit: "binary" })), { maxLength: 3 }),
        (form, edits) => {
          let text = form;
          for (const [place, remove, insert] of edits) {
            const at = place % (text.length + 1);
            text = text.slice(0, at) + insert + text.slice(at + remove);
          }
          admittedOrRefused(text);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("of one repeated character or word, of the greatest length, is examined in linear time", () => {
    for (const unit of [
      " ",
      "-",
      "\\",
      '"',
      "<",
      "<Modulus>",
      "ssh-rsa ",
      "-----BEGIN A-----",
      "- END A",
      "\n:",
      "A",
      "{",
      "“",
    ]) {
      admittedOrRefused(unit.repeat(Math.floor(KEY_TEXT_CHARACTERS_MAX / unit.length)));
    }
  });

  test("isn't quoted from the markers of a PEM block", () => {
    const label = Buffer.from(vector.jwk.n).toString("hex").toUpperCase();
    admittedOrRefused(`-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----`);
  });
});
