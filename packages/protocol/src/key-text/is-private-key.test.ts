import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { isPrivateKey } from "./is-private-key.ts";

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
const pkcs8Der = privateKey.export({ format: "der", type: "pkcs8" });
const pkcs1Der = privateKey.export({ format: "der", type: "pkcs1" });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const pem = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString("base64").replaceAll(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;
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
    "bare base64 of PKCS #8": pkcs8Der.toString("base64"),
    "bare base64 of PKCS #1": pkcs1Der.toString("base64"),
    "bare base64url": pkcs8Der.toString("base64url"),
    "base64 of the PEM file": base64(pkcs8),
    "base64 of the PEM file, in lines": base64(pkcs8).replaceAll(/.{76}/g, "$&\n"),
    "base64 of the PEM file in UTF-16": Buffer.from(`\ufeff${pkcs8}`, "utf16le").toString("base64"),
    "base64 of base64 of the PEM file": base64(base64(pkcs8)),
    "base64 of a JWK": base64(JSON.stringify(privateKey.export({ format: "jwk" }))),
    "base64 of an OpenSSH file": base64(openssh),
    "hexadecimal digits": pkcs8Der.toString("hex"),
    "hexadecimal digits with colons": pkcs8Der.toString("hex").replaceAll(/..(?=.)/g, "$&:"),
    "PKCS #1 under a public label": pem("RSA PUBLIC KEY", pkcs1Der),
    "PKCS #8 under a certificate's label": pem("CERTIFICATE", pkcs8Der),
    "PKCS #12": Buffer.from("3082099f0201033082095506092a864886f70d010701a082094604820942", "hex")
      .toString("base64")
      .padEnd(80, "B"),
    "SSH.com": "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAAAi4AAAA3\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
    "a cloud's JSON file": JSON.stringify({ type: "service_account", private_key: pkcs8 }),
    "a JWK within other JSON": JSON.stringify({ keys: { first: [privateKey.export({ format: "jwk" })] } }),
    "a JWK with its private numbers alone beside null": JSON.stringify({ kty: "RSA", d: null, p: "AQAB" }),
    "a JWK in which a private member stands twice, null the second time": '{"kty":"RSA","d":"AQAB","d":null}',
    "a Ruby hash": '{"kty"=>"RSA", "d"=>"AQAB"}',
    "a Python dict of integers": "{'n': 257, 'd': 65537}",
    YAML: `kty: RSA\nd: ${privateKey.export({ format: "jwk" }).d}\n`,
    "XML of another namespace": "<ds:RSAKeyValue><ds:D> AQAB</ds:D></ds:RSAKeyValue>",
    "XML, escaped": "&lt;RSAKeyValue&gt;&lt;D&gt;AQAB&lt;/D&gt;&lt;/RSAKeyValue&gt;",
    "what openssl rsa -text prints": "Private-Key: (2048 bit, 2 primes)\nmodulus:\n 00:a1\nprivateExponent:\n 51:ab",
    "PuTTY's first format": "PuTTY-User-Key-File-1: ssh-rsa\nEncryption: none",
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
    "with spaces in place of line ends": pkcs8.replaceAll("\n", " "),
    "without line ends": pkcs8.replaceAll("\n", ""),
    "with line ends that became the letter n, without markers": `n${body.join("n")}`,
    "behind its name, without markers": `KEY=${body.join("")}`,
    "behind a word on the line before, without markers": `hello\n${body.join("\n")}`,
    "from a URL": encodeURIComponent(pkcs8),
    "from a form": encodeURIComponent(pkcs8).replaceAll("%20", "+"),
    "with a word processor's dashes": pkcs8.replaceAll("-----", "\u2014\u2014-"),
    "with en dashes": pkcs8.replaceAll("-----", "\u2013\u2013"),
    "in UTF-16, read as bytes": Buffer.from(pkcs8, "utf16le").toString("latin1"),
    "with a byte order mark and zero-width spaces": `\ufeff${pkcs8.replaceAll("PRIVATE", "PRI\u200bVATE")}`,
    "with fewer dashes": pkcs8.replaceAll("-----", "--"),
  };
  for (const [damage, text] of Object.entries(damages)) {
    test(damage, () => assert.equal(isPrivateKey(text), true));
  }
});

/** As serialisers of records write the members that a public key doesn't have. */
const NO_MEMBERS = { d: null, p: null, q: null, dp: null, dq: null, qi: null, oth: null, k: null };

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
    "bare base64": publicKey.export({ format: "der", type: "spki" }).toString("base64"),
    "base64 of the PEM file": base64(spki),
    "PKCS #1 under the label of SPKI": pem("PUBLIC KEY", publicKey.export({ format: "der", type: "pkcs1" })),
    "a JWK whose private members are null": JSON.stringify({ ...publicKey.export({ format: "jwk" }), ...NO_MEMBERS }),
    "a JWK whose private members are null, over several lines": JSON.stringify({ kty: "RSA", ...NO_MEMBERS }, null, 2),
    "a JWK whose private members are empty": '{"kty":"RSA","d":"","p":" ","oth":[]}',
    "a JWK whose private members are null, in a string": JSON.stringify(JSON.stringify({ kty: "RSA", ...NO_MEMBERS })),
    "RSAKeyValue without private numbers":
      "<RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>",
    "RSAKeyValue whose private numbers are empty": "<RSAKeyValue><Modulus>AQAB</Modulus><D></D><P /></RSAKeyValue>",
    "RFC 4716":
      '---- BEGIN SSH2 PUBLIC KEY ----\nComment: "private key - at home"\nAAAAB3NzaC1yc2E\n---- END SSH2 PUBLIC KEY ----',
    "an elliptic one": ec.publicKey.export({ format: "pem", type: "spki" }),
    "a comment about private keys": `# never send the private key\n${spki}`,
    nothing: "",
    "any text": "hello",
  };
  for (const [form, text] of Object.entries(forms)) {
    test(`as ${form}`, () => assert.equal(isPrivateKey(text), false));
  }
});

test("a text of any size and shape is looked through in no time that grows with its square", () => {
  // Each would take minutes where a pattern begins anew at every character of a long run.
  for (const unit of [
    " ",
    "-",
    '"d"',
    "<",
    "kty ",
    "BEGIN ",
    "MII",
    "LS0tLS1C",
    "\n ",
    ">",
    "{",
    "[",
    "\\",
    "&lt;",
    "-----BEGIN A-----",
  ]) {
    isPrivateKey(unit.repeat(Math.ceil(65_536 / unit.length)));
    isPrivateKey(`{${unit.repeat(Math.ceil(65_536 / unit.length))}`);
  }
  assert.equal(isPrivateKey("[".repeat(30_000) + "]".repeat(30_000)), false);
});
