import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { isPrivateKey } from "./is-private-key.ts";
import { toPem } from "./pem.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");

function privatePem(key: KeyObject, type: "pkcs1" | "pkcs8" | "sec1", passphrase?: string): string {
  const encryption = passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase };
  return String(key.export({ format: "pem", type, ...encryption } as never));
}

/** The markers of an OpenSSH key, and the beginning that each has (PROTOCOL.key). */
const openssh = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdzc2gtcn
NhAAAAAwEAAQAAAQEAz7b3Lq
-----END OPENSSH PRIVATE KEY-----`;

const pkcs8 = privatePem(privateKey, "pkcs8");
const body = pkcs8.split("\n").slice(1, -2);

describe("a private key is recognised", () => {
  const forms: Record<string, string> = {
    "PKCS #8": pkcs8,
    "PKCS #1": privatePem(privateKey, "pkcs1"),
    "PKCS #8, encrypted": privatePem(privateKey, "pkcs8", "secret"),
    "PKCS #1, encrypted": privatePem(privateKey, "pkcs1", "secret"),
    "SEC 1": privatePem(ec.privateKey, "sec1"),
    Ed25519: privatePem(ed.privateKey, "pkcs8"),
    OpenSSH: openssh,
    PuTTY: "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: me\nPrivate-Lines: 14\nAAAB",
    PGP: "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----",
    JWK: JSON.stringify(privateKey.export({ format: "jwk" })),
    "a JWK Set": JSON.stringify({ keys: [publicKey.export({ format: "jwk" }), privateKey.export({ format: "jwk" })] }),
    "a JWK whose names are escaped": '{"kty":"RSA","\\u0064":"AQAB"}',
    "a JWK in a string": JSON.stringify(JSON.stringify(privateKey.export({ format: "jwk" }))),
    "a symmetric JWK": '{"kty":"oct","k":"c2VjcmV0"}',
    "a JavaScript object": "{ kty: 'RSA', 'd' : 'AQAB' }",
    XML: "<RSAKeyValue><Modulus>AQAB</Modulus><D>AQAB</D></RSAKeyValue>",
  };
  for (const [form, text] of Object.entries(forms)) {
    test(`as ${form}`, () => assert.equal(isPrivateKey(text), true));
  }
});

describe("a private key is recognised although its text is damaged", () => {
  const damages: Record<string, string> = {
    "with escaped line ends": pkcs8.replaceAll("\n", "\\n"),
    "with twice escaped line ends": pkcs8.replaceAll("\n", "\\\\n"),
    "with CRLF": pkcs8.replaceAll("\n", "\r\n"),
    "in a .env file": `KEY="${pkcs8.replaceAll("\n", "\\n")}"`,
    "with text around it": `here is my key:\n${pkcs8}\nthanks`,
    "in lower case": pkcs8.replaceAll("PRIVATE KEY", "private key"),
    "without its first line": [...body, "-----END PRIVATE KEY-----"].join("\n"),
    "without its last line": ["-----BEGIN PRIVATE KEY-----", ...body].join("\n"),
    "without markers": body.join("\n"),
    "without markers, on one line": body.join(""),
    "without markers, indented": body.map((line) => `    ${line}`).join("\n"),
    "without markers, quoted in an e-mail": body.map((line) => `> ${line}`).join("\n"),
    "without markers, encrypted": privatePem(privateKey, "pkcs8", "secret").split("\n").slice(1, -2).join("\n"),
    "without markers, PKCS #1": privatePem(privateKey, "pkcs1").split("\n").slice(1, -2).join("\n"),
    "with a marker that is cut off": `-----BEGIN RSA PRIV\n${body.join("\n")}`,
    "with markers that call it public": pkcs8.replaceAll("PRIVATE KEY", "PUBLIC KEY"),
    "with fewer dashes": pkcs8.replaceAll("-----", "--"),
  };
  for (const [damage, text] of Object.entries(damages)) {
    test(damage, () => assert.equal(isPrivateKey(text), true));
  }
});

describe("a public key isn't taken for a private one", () => {
  const spki = publicKey.export({ format: "pem", type: "spki" });
  const forms: Record<string, string> = {
    SPKI: spki,
    "SPKI without markers": spki.split("\n").slice(1, -2).join("\n"),
    "PKCS #1": publicKey.export({ format: "pem", type: "pkcs1" }),
    JWK: JSON.stringify(publicKey.export({ format: "jwk" })),
    "a JWK with a key id": JSON.stringify({ ...publicKey.export({ format: "jwk" }), kid: "d", alg: "RS256" }),
    "an OpenSSH line":
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp me@private-laptop",
    "an elliptic one": ec.publicKey.export({ format: "pem", type: "spki" }),
    "a comment about private keys": `# never send the private key\n${spki}`,
    nothing: "",
    "any text": "hello",
  };
  for (const [form, text] of Object.entries(forms)) {
    test(`as ${form}`, () => assert.equal(isPrivateKey(text), false));
  }
});

test("PEM that is written here is read by others", () => {
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const pem = toPem("PRIVATE KEY", new Uint8Array(der));
  assert.equal(pem, pkcs8);
  assert.ok(createPrivateKey(pem).equals(privateKey));
  assert.ok(createPublicKey(pem).equals(publicKey));
});
