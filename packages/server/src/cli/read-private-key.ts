import { createPrivateKey, type JsonWebKeyInput, type KeyObject } from "node:crypto";
import { bytesOfBase64, KEY_TEXT_CHARACTERS_MAX, keyTextOfBytes } from "@countersign/protocol";
import { findPemBlocks, isJson, repairKeyText, withoutInvisible } from "../core/keys/repair-key-text.ts";
import { readSmallFile } from "./read-file.ts";
import { OperatorError } from "../core/operator-error.ts";

/** What a file may hold instead of a private RSA key, and what to do about it. No message quotes the file. */
const PROBLEMS = {
  encrypted: "it is encrypted with a passphrase; write a copy without one: openssl pkey -in private.pem -out plain.pem",
  openssh:
    "it is in OpenSSH's own format; convert a copy of it: ssh-keygen -p -m PEM -f copy, with an empty passphrase",
  sshCom:
    "it is in SSH.com's format; convert it: ssh-keygen -i -m SSH2 -f private > copy, then ssh-keygen -p -m PEM -f copy",
  putty: "it is in PuTTY's format; export it in PuTTYgen: Conversions, Export OpenSSH key, then ssh-keygen -p -m PEM",
  pkcs12: "it is a PKCS#12 file; take the key out: openssl pkcs12 -in file.p12 -nocerts -noenc -out private.pem",
  pgp: "it is an OpenPGP key; this service takes RSA keys in PEM",
  public: "it is a public key; the matching private key is needed",
  certificate: "it is a certificate; the matching private key is needed",
  json: 'it is JSON, but not a private RSA JWK; give the PEM text inside it, such as the value of "private_key"',
  xml: "it is XML; convert it to PEM",
  truncated: "it is cut off: its END line is missing or damaged",
  several: "it holds more than one private key; give the one whose public half was added",
  damaged: "it is damaged; copy it again",
  other: "it isn't an RSA key",
  unknown: "it holds no private key in PEM; give the whole text, from -----BEGIN PRIVATE KEY----- to its END line",
} as const;

/**
 * Reads a private RSA key from a file: PKCS#8 or PKCS#1, as PEM, DER or DER in base64; or a JWK. PEM may have escaped line ends, be
 * UTF-16, or be encoded in base64.
 *
 * @throws {OperatorError} if the file can't be read or holds anything else; the message names what it holds
 */
export function readPrivateKey(file: string): KeyObject {
  return privateKeyOf(readSmallFile(file, KEY_TEXT_CHARACTERS_MAX));
}

/** The same for what was read. @throws {OperatorError} if it isn't a private RSA key */
export function privateKeyOf(bytes: Uint8Array): KeyObject {
  const text = withoutInvisible(keyTextOfBytes(bytes));
  const key = parsePrivateKey(text);
  if (key.asymmetricKeyType !== "rsa") throw unusable("other");
  return key;
}

function parsePrivateKey(text: string): KeyObject {
  if (isJson(text)) return parseJwk(text);
  const repaired = repairKeyText(text);
  if (isJson(repaired)) return parseJwk(repaired);
  if (/PuTTY-User-Key-File/.test(repaired)) throw unusable("putty");
  const blocks = findPemBlocks(repaired);
  const candidates = blocks.filter(({ label }) => label.includes("PRIVATE KEY"));
  if (candidates.length > 1) throw unusable("several");
  const block = candidates[0] ?? blocks[0];
  if (block === undefined) return parseBare(repaired);
  const { label, body, endLabel } = block;
  if (label === "OPENSSH PRIVATE KEY") throw unusable("openssh");
  if (label.startsWith("SSH2 ")) throw unusable(label.includes("PRIVATE") ? "sshCom" : "public");
  if (label.startsWith("PGP ")) throw unusable("pgp");
  // RFC 1421 §4.6.1.1, as OpenSSL still writes it for PKCS#1.
  if (label === "ENCRYPTED PRIVATE KEY" || /Proc-Type:[^\n]*ENCRYPTED/.test(body)) throw unusable("encrypted");
  if (endLabel !== label) throw unusable("truncated");
  const der = bytesOfBase64(body);
  if (der === undefined) throw unusable("damaged");
  return parseDer(der);
}

/** Parses a text without PEM markers. */
function parseBare(text: string): KeyObject {
  if (text.includes("-----BEGIN")) throw unusable("truncated");
  if (/^(ssh-|ecdsa-)/.test(text)) throw unusable("public");
  if (text.startsWith("<")) throw unusable("xml");
  const der = bytesOfBase64(text);
  if (der?.[0] === SEQUENCE) return parseDer(der);
  throw unusable("unknown");
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const SEQUENCE = 0x30;

function parseDer(bytes: Uint8Array): KeyObject {
  const key = Buffer.from(bytes);
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      return createPrivateKey({ key, format: "der", type });
    } catch (error) {
      // OpenSSL's message may quote the key, so only the code is read.
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ERR_MISSING_PASSPHRASE") throw unusable("encrypted");
    }
  }
  throw unusable(problemOfDer(key));
}

/** Recognizes other DER structures by their first elements (RFC 5958 §3, RFC 7292 §4, RFC 5280 §4.1). */
function problemOfDer(der: Buffer): keyof typeof PROBLEMS {
  const [first, second, third] = elementsOf(der);
  if (first?.tag === INTEGER && first.content[0] === 3 && second?.tag === SEQUENCE) return "pkcs12";
  if (first?.tag === SEQUENCE && second?.tag === BIT_STRING) return "public";
  if (first?.tag === INTEGER && first.content.length > 1) return "public";
  if (first?.tag === SEQUENCE && second?.tag === SEQUENCE && third?.tag === BIT_STRING) return "certificate";
  if (first?.tag === SEQUENCE && second?.tag === 0x04) return "encrypted";
  return "damaged";
}

/** The elements of the outermost SEQUENCE (X.690 §8.1); the last may be cut off. */
function elementsOf(der: Buffer): { readonly tag: number; readonly content: Buffer }[] {
  const elements: { tag: number; content: Buffer }[] = [];
  let at = headerBytes(der, 0);
  while (at + 2 <= der.length) {
    const start = at + headerBytes(der, at);
    const end = start + contentBytes(der, at);
    elements.push({ tag: der[at] ?? 0, content: der.subarray(start, end) });
    at = end;
  }
  return elements;
}

function headerBytes(der: Buffer, at: number): number {
  const length = der[at + 1] ?? 0;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}

function contentBytes(der: Buffer, at: number): number {
  const length = der[at + 1] ?? 0;
  if (length < 0x80) return length;
  return der.subarray(at + 2, at + headerBytes(der, at)).reduce((sum, octet) => sum * 256 + octet, 0);
}

function parseJwk(text: string): KeyObject {
  try {
    return createPrivateKey({ key: JSON.parse(text) as JsonWebKeyInput["key"], format: "jwk" });
  } catch {
    throw unusable("json");
  }
}

function unusable(problem: keyof typeof PROBLEMS): OperatorError {
  return new OperatorError(`The private key can't be used: ${PROBLEMS[problem]}.`);
}
