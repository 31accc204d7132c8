import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { bytesOfBase64, credentialKind } from "@countersign/protocol";
import { findPemBlocks, isJson, type PemBlock, repairKeyText, withoutInvisible } from "./repair-key-text.ts";
import { fieldRefusal, type Refusal } from "../refusal.ts";

/** Longer than any type of a PEM block (RFC 7468). A longer label isn't quoted in a message. */
const PEM_LABEL_SHOWN_MAX = 30;

/**
 * Reads one public key in any of the usual forms: PEM `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`, even with another's label; the
 * same in base64 without markers; a JWK; an OpenSSH `ssh-rsa` line; RFC 4716; RSAKeyValue. Text around PEM markers is ignored, and
 * {@link repairKeyText} undoes damage from copying.
 *
 * @throws {Refusal} `key_rejected`; the message says what is wrong and never quotes the text
 */
export function readPublicKey(given: string): KeyObject {
  const text = withoutInvisible(given);
  // Unrepaired, because the repair would undo JSON's own escapes.
  if (isJson(text)) return readJson(text);
  const repaired = repairKeyText(text);
  if (repaired === "") throw invalid("the key is empty");
  if (isJson(repaired)) return readJson(repaired);
  const blocks = findPemBlocks(repaired);
  const [block] = blocks;
  if (block?.endLabel === undefined && repaired.includes("-----BEGIN")) {
    throw invalid("the PEM text is cut off: its END line is missing or damaged");
  }
  if (blocks.length > 1) throw invalid(`the text holds ${blocks.length} PEM blocks; give exactly one key`);
  return block === undefined ? readBare(repaired) : readPem(block);
}

/** The refusal of a key's text. */
export function invalid(problem: string): Refusal {
  return fieldRefusal("key_rejected", `The key is refused: ${problem}.`, "public_key");
}

/** Reads a text without PEM markers. */
function readBare(text: string): KeyObject {
  // An authorized_keys line may have options before the key's type (sshd(8)).
  const [ssh, ...further] = text.matchAll(/(?:^|\s)ssh-rsa\s+([A-Za-z0-9+/=]+)/g);
  if (further.length > 0) throw invalid(`the text holds ${further.length + 1} OpenSSH keys; give exactly one`);
  if (ssh !== undefined) return readSsh(ssh[1] ?? "", "OpenSSH line");
  if (/(?:^|\s)(ssh-\S+|ecdsa-sha2-\S+|sk-\S+)\s+AAAA/.test(text) || /^(ssh-\S+|ecdsa-sha2-\S+|sk-\S+)\s/.test(text)) {
    throw invalid("it is an OpenSSH key of another type; an ssh-rsa key is needed");
  }
  if (isBinary(text))
    throw invalid(`it is a binary file, not a public key${KEY_STORE.test(text) ? KEY_STORE_ADVICE : ""}`);
  if (/<!doctype html|<html/i.test(text)) throw invalid("it is a page of HTML, not a key");
  if (text.includes("<")) return readXml(text);
  // Hexadecimal first, because its digits are also valid base64.
  const bytes = bytesOfHex(text) ?? bytesOfBase64(text);
  if (bytes?.[0] === 0x30) return readDer("base64 text", bytes);
  if (text.startsWith("AAAAB3NzaC1yc2E")) return readSsh(text, "OpenSSH key");
  if (/^[^\n]{1,200}\.(pem|pub|crt|cer|der|key|jwk|json|txt|xml)$/i.test(text)) {
    throw invalid("it looks like a file's name; give what the file holds");
  }
  throw invalid(foreignText(text));
}

/** What a text without a known form is, as far as that can be told. */
function foreignText(text: string): string {
  const kind = credentialKind(text);
  if (kind === "assertion") {
    return "it is a JWT, such as an assertion; the public key that checks its signature is needed";
  }
  if (kind === "token") return "it is a token of this service; the client's public key is needed";
  if (/^(?:[0-9]{3,5} )?(?:SHA256:[A-Za-z0-9+/]{43}|MD5(?::[0-9a-f]{2}){16})(?: .*)?$/.test(text))
    return "it is a key's fingerprint; the whole public key is needed";
  if (/^https?:\/\//i.test(text)) return "it is an address; download the key, and give what the file holds";
  return "it isn't a public key in a known form: PEM, certificate, JWK or an OpenSSH ssh-rsa line";
}

/** Holds the text bytes that aren't UTF-8, or characters that no text has? */
function isBinary(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u0008\u000e-\u0019\u001c-\u001f\ufffd]/.test(text);
}

/** The first bytes of a Java key store (JKS, JCEKS), which UTF-8 can't represent. */
const KEY_STORE = /^\ufffd{2,4}/;
const KEY_STORE_ADVICE = "; from a key store, export the certificate: keytool -exportcert -rfc";

function bytesOfHex(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/[\s:]/g, "");
  return /^[0-9a-f]{200,}$/i.test(digits) ? Buffer.from(digits, "hex") : undefined;
}

function readPem({ label, body, endLabel }: PemBlock): KeyObject {
  if (label !== endLabel) throw invalid("the PEM text's BEGIN and END lines don't match");
  if (label === "SSH2 PUBLIC KEY") return readRfc4716(body);
  const base64 = body.replaceAll(/\s/g, "");
  const isKnown = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"].includes(
    label,
  );
  if (isKnown && !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw invalid("the PEM text's body isn't base64");
  if (isKnown) return readDer(label, Buffer.from(base64, "base64"));
  const advice = PEM_ADVICE[label];
  if (advice !== undefined) throw invalid(`it is ${advice}`);
  throw invalid(
    `a PEM block of the type ${label.length <= PEM_LABEL_SHOWN_MAX ? label : "named in it"} isn't a public key; ` +
      "PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE are",
  );
}

/** Other PEM blocks that people take for a public key, and how to get to the key. */
const PEM_ADVICE: Readonly<Record<string, string>> = {
  "CERTIFICATE REQUEST":
    "a certificate request; take the public key out of it: openssl req -in request.pem -noout -pubkey",
  "NEW CERTIFICATE REQUEST":
    "a certificate request; take the public key out of it: openssl req -in request.pem -noout -pubkey",
  "EC PARAMETERS": "the parameters of an elliptic curve, and an RSA key is needed",
  "DH PARAMETERS": "Diffie-Hellman parameters, not a public key",
  "PGP PUBLIC KEY BLOCK": "an OpenPGP key; an RSA key in PEM is needed",
  "PGP MESSAGE": "an OpenPGP message, not a public key",
  PKCS7: "a PKCS #7 bundle; take the certificate out of it: openssl pkcs7 -in bundle.p7b -print_certs",
  "X509 CRL": "a list of revoked certificates, not a public key",
};

/** Recognizes the form by its bytes and ignores the label: the three forms can't be confused. */
function readDer(name: string, bytes: Uint8Array): KeyObject {
  const key = Buffer.from(bytes);
  for (const read of [
    () => createPublicKey({ key, format: "der", type: "spki" }),
    () => createPublicKey({ key, format: "der", type: "pkcs1" }),
    () => new X509Certificate(key).publicKey,
  ]) {
    try {
      return read();
    } catch {
      // OpenSSL's messages name offsets and internals, which don't help to fix the key.
    }
  }
  throw invalid(foreignDer(key) ?? `the ${name} is damaged: its contents can't be read`);
}

/** What other DER is, by how it begins, and how to get to the key. */
function foreignDer(der: Buffer): string | undefined {
  const first = contentOf(der);
  // The integer 3 (RFC 7292 §4).
  if (first.subarray(0, 3).equals(Buffer.from([0x02, 0x01, 0x03]))) {
    return "it is a PKCS #12 file; take the certificate out of it: openssl pkcs12 -in file.p12 -nokeys -clcerts";
  }
  // A sequence that begins with the integer 0 (RFC 2986 §4).
  if (
    first[0] === 0x30 &&
    contentOf(first)
      .subarray(0, 3)
      .equals(Buffer.from([0x02, 0x01, 0x00]))
  ) {
    return `it is ${PEM_ADVICE["CERTIFICATE REQUEST"]}`;
  }
  // The object identifiers that begin with 1.2.840.113549.1.7 (RFC 5652 §4).
  if (first.subarray(0, 10).equals(Buffer.from("06092a864886f70d0107", "hex"))) return `it is ${PEM_ADVICE["PKCS7"]}`;
  return undefined;
}

/** What follows the tag and the length of the first element (X.690 §8.1). */
function contentOf(der: Buffer): Buffer {
  const length = der[1] ?? 0;
  return der.subarray(length < 0x80 ? 2 : 2 + (length & 0x7f));
}

function readJson(text: string): KeyObject {
  const jwk = parseJson(text) ?? parseJson(repairKeyText(text)) ?? parseJson(text.replaceAll('\\"', '"'));
  if (jwk === undefined) throw invalid("it looks like a JWK, but isn't JSON");
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) throw invalid("a JWK is a JSON object");
  if ("keys" in jwk) throw invalid("it is a JWK Set; give one key out of its keys");
  if (!("kty" in jwk)) throw invalid("it is JSON, but not a JWK: it has no kty");
  return readJwk(jwk);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A member that is null counts as absent: serialisers write the members that a key doesn't have. */
function readJwk(jwk: Readonly<Record<string, unknown>>): KeyObject {
  const { kty, n, e, use, alg, key_ops: operations } = jwk;
  // RSA-HSM is Azure's name for a key in hardware.
  if (kty !== "RSA" && kty !== "RSA-HSM") throw invalid("the JWK's kty isn't \"RSA\"");
  if (typeof n !== "string" || typeof e !== "string") throw invalid("the JWK's n or e is missing");
  if (![n, e].every((value) => /^[A-Za-z0-9_-]+$/.test(value))) throw invalid("the JWK's n or e isn't base64url");
  // RFC 7517 §4.2 and §4.4: a key that states its purpose is used for nothing else.
  if (isThere(use) && use !== "sig") throw invalid("the JWK's use isn't sig: it isn't meant for signatures");
  if (isThere(alg) && !(typeof alg === "string" && ["RS256", "RS384", "RS512"].includes(alg))) {
    throw invalid("the JWK's alg isn't RS256, RS384 or RS512");
  }
  if (isThere(operations) && !(Array.isArray(operations) && operations.includes("verify"))) {
    throw invalid("the JWK's key_ops doesn't hold verify: it isn't meant for checking signatures");
  }
  return readNumbers("JWK", n, e);
}

function isThere(member: unknown): boolean {
  return member !== undefined && member !== null;
}

/** Reads the public numbers of .NET's RSAKeyValue (XML Signature §4.5.2.2). */
function readXml(text: string): KeyObject {
  const [n, e] = ["Modulus", "Exponent"].map((name) => {
    const found = new RegExp(`<(?:\\w{1,20}:)?${name}>([A-Za-z0-9+/=\\s]{1,4000})</`).exec(text)?.[1] ?? "";
    return bytesOfBase64(found);
  });
  if (n === undefined || e === undefined) {
    throw invalid("it looks like XML, but isn't an RSAKeyValue with Modulus and Exponent");
  }
  return readNumbers("RSAKeyValue", Buffer.from(n).toString("base64url"), Buffer.from(e).toString("base64url"));
}

/** Reads RFC 4716 §3: headers, which a backslash continues on the next line, then the body. */
function readRfc4716(text: string): KeyObject {
  const body: string[] = [];
  let isContinued = false;
  for (const line of text.split("\n")) {
    const isHeader: boolean = isContinued || line.includes(":");
    isContinued = isHeader && line.endsWith("\\");
    if (!isHeader) body.push(line.trim());
  }
  return readSsh(body.join(""), "RFC 4716 (SSH2) key");
}

/** Reads RFC 4253 §6.6: string "ssh-rsa", mpint e, mpint n, and nothing after them. */
function readSsh(base64: string, name: string): KeyObject {
  const blob = Buffer.from(base64, "base64");
  const fields: Buffer[] = [];
  let at = 0;
  while (at + 4 <= blob.length && fields.length < 4) {
    const length = blob.readUInt32BE(at);
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const [type, exponent, modulus] = fields;
  if (at !== blob.length || fields.length !== 3 || type?.toString("latin1") !== "ssh-rsa" || !exponent || !modulus) {
    throw invalid(`the ${name} is damaged or cut off`);
  }
  return readNumbers("OpenSSH key", modulus.toString("base64url"), exponent.toString("base64url"));
}

/** @param n @param e base64url */
function readNumbers(name: string, n: string, e: string): KeyObject {
  try {
    return createPublicKey({ key: { kty: "RSA", n, e }, format: "jwk" });
  } catch {
    throw invalid(`the ${name} is damaged: its contents can't be read`);
  }
}
