import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { readPrivateKey } from "./read-private-key.ts";
import { OperatorError } from "../core/operator-error.ts";

const folder = makeTemporaryFolder();
after(() => {
  folder.remove();
});
const file = folder.file("private");

const { privateKey, privatePem, publicPem } = rsaKeyPair("token");
const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
const pkcs1Pem = privateKey.export({ format: "pem", type: "pkcs1" });
const encryption = { cipher: "aes-256-cbc", passphrase: "x" } as const;
const base64 = (text: string) => Buffer.from(text).toString("base64");
const pem = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString("base64")}\n-----END ${label}-----\n`;

function read(contents: string | Buffer) {
  writeFileSync(file, contents);
  return readPrivateKey(file);
}

describe("a private key is read from a file", () => {
  for (const [name, contents] of [
    ["as PKCS#8", privatePem],
    ["as PKCS#1", pkcs1Pem],
    ["with a byte order mark", `\ufeff${privatePem}`],
    ["with CRLF", privatePem.replaceAll("\n", "\r\n")],
    ["with escaped line ends", privatePem.replaceAll("\n", String.raw`\n`)],
    ["with line ends escaped twice, in quotes", `"${privatePem.replaceAll("\n", String.raw`\\n`)}"`],
    ["in UTF-16", Buffer.from(`\ufeff${privatePem}`, "utf16le")],
    ["in base64 of the PEM text", base64(privatePem)],
    ["in DER", pkcs8],
    ["as PKCS#1 in DER", privateKey.export({ format: "der", type: "pkcs1" })],
    ["in bare base64", pkcs8.toString("base64")],
    ["as PKCS#8 under the label of PKCS#1", pem("RSA PRIVATE KEY", pkcs8)],
    ["as a JWK", JSON.stringify(privateKey.export({ format: "jwk" }))],
    ["behind its certificate or public half", publicPem + privatePem],
    ["with a word processor's dashes", privatePem.replaceAll("-----", "\u2014\u2014-")],
  ] as const) {
    test(name, () => assert.ok(createPublicKey(read(contents)).equals(createPublicKey(publicPem))));
  }
});

describe("a file that isn't a usable private key is refused with what it is and what to do, and isn't repeated", () => {
  const spki = createPublicKey(publicPem).export({ format: "der", type: "spki" });
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  for (const [name, contents, says] of [
    ["an encrypted key", privateKey.export({ format: "pem", type: "pkcs8", ...encryption }), /encrypted.*openssl pkey/],
    ["an encrypted key in PKCS#1", privateKey.export({ format: "pem", type: "pkcs1", ...encryption }), /encrypted/],
    ["an encrypted key in DER", privateKey.export({ format: "der", type: "pkcs8", ...encryption }), /encrypted/],
    ["an OpenSSH key", pem("OPENSSH PRIVATE KEY", Buffer.from("openssh-key-v1\0")), /OpenSSH's own format.*ssh-keygen/],
    ["a PuTTY key", "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n", /PuTTY's format.*Conversions/],
    [
      "an SSH.com key",
      "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/5\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
      /SSH\.com/,
    ],
    ["a PKCS#12 file", Buffer.from("30820012020103300d06092a864886f70d010701a000", "hex"), /PKCS#12.*openssl pkcs12/],
    ["a PGP key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----", /OpenPGP/],
    ["a public key", publicPem, /public key/],
    ["a public key in DER", spki, /public key/],
    ["a public key in PKCS#1", createPublicKey(publicPem).export({ format: "pem", type: "pkcs1" }), /public key/],
    ["an OpenSSH line", "ssh-rsa AAAAB3NzaC1yc2E me", /public key/],
    ["a public JWK", JSON.stringify(createPublicKey(publicPem).export({ format: "jwk" })), /JSON/],
    ["a cloud's JSON file", JSON.stringify({ private_key: privatePem }), /JSON.*"private_key"/],
    ["XML", "<RSAKeyValue><D>AQAB</D></RSAKeyValue>", /XML/],
    ["a key that is cut off", privatePem.slice(0, 300), /cut off/],
    ["a key whose middle is missing", pem("PRIVATE KEY", pkcs8.subarray(0, 600)), /damaged/],
    ["a key with other characters", privatePem.replace("MII", "M!I"), /damaged/],
    ["two keys", privatePem + pkcs1Pem, /more than one/],
    ["a key of an elliptic curve", elliptic.export({ format: "pem", type: "sec1" }), /isn't an RSA key/],
    ["words", "my private key", /no private key in PEM/],
    ["nothing", "", /no private key in PEM/],
  ] as const) {
    test(name, () => {
      assert.throws(
        () => read(contents),
        (error: unknown) => {
          assert.ok(error instanceof OperatorError, String(error));
          assert.match(error.message, /^The private key can't be used: /);
          assert.match(error.message, says);
          assert.ok(!error.message.includes(pkcs8.toString("base64").slice(40, 60)), "the message repeats the key");
          return true;
        },
      );
    });
  }

  test("bytes of no known form", () => {
    for (const bytes of ["30", "3080", "308201", "3084ffffffff", "30050201", "ffff", "00"]) {
      assert.throws(() => read(Buffer.from(bytes, "hex")), OperatorError, bytes);
    }
  });
});
