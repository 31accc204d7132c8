/**
 * From a private key's text to its numbers, by hand. WebCrypto takes PKCS#8 only and says no more than "invalid" of
 * what it doesn't take; here PKCS#1 is wrapped into PKCS#8, which then works on every platform, and each other thing
 * gets its name.
 */
import { bytesOfBase64 } from "../base64.ts";
import {
  BIT_STRING,
  DerInvalid,
  DerTruncated,
  type Element,
  hex,
  INTEGER,
  NULL,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  readElements,
  SEQUENCE,
  unsigned,
  writeElement,
} from "./der.ts";
import { type KeyProblem, keySizeRefused, keyUnusable } from "./key-problem.ts";
import { KEY_TEXT_CHARACTERS_MAX, repairKeyText } from "./repair-key-text.ts";

/** The sizes that the service admits, in bits, inclusive. */
export const KEY_BITS_MIN = 2048;
export const KEY_BITS_MAX = 8192;

/** A private key of RSA that is whole and of an admitted size. Its numbers weren't checked against each other yet. */
export interface RsaPrivateKey {
  /** PKCS#8 in its plainest form (RFC 5208 §5). */
  readonly pkcs8: Uint8Array<ArrayBuffer>;
  /** Unsigned, without zeros in front. */
  readonly modulus: Uint8Array;
  readonly publicExponent: Uint8Array;
}

/**
 * Reads a private key's text, whatever befell it on its way ({@link repairKeyText}). Text around the PEM block, and
 * blocks of other kinds beside it, such as a certificate chain, are ignored.
 *
 * @throws {CountersignError} `key_unusable`, which says what is wrong and quotes nothing of the text
 */
export function parsePrivateKey(text: string): RsaPrivateKey {
  if (text.length > KEY_TEXT_CHARACTERS_MAX) throw keyUnusable("long");
  const der = parsePem(repairKeyText(text));
  try {
    return parseDer(der);
  } catch (error) {
    if (error instanceof DerTruncated) throw keyUnusable("truncated");
    if (error instanceof DerInvalid) throw keyUnusable("damaged");
    throw error;
  }
}

/** PEM labels (RFC 7468) that hold no key of the kind that is needed; the others' bytes say what they are. */
const LABEL_PROBLEMS: Readonly<Record<string, KeyProblem>> = {
  "ENCRYPTED PRIVATE KEY": "encrypted",
  "EC PRIVATE KEY": "ec",
  "OPENSSH PRIVATE KEY": "openssh",
  "DSA PRIVATE KEY": "other",
  "PGP PRIVATE KEY BLOCK": "other",
  "PUBLIC KEY": "public",
  "RSA PUBLIC KEY": "public",
  CERTIFICATE: "certificate",
  "TRUSTED CERTIFICATE": "certificate",
  "CERTIFICATE REQUEST": "request",
  "NEW CERTIFICATE REQUEST": "request",
};

/** The bytes of the one block that holds a private key. */
function parsePem(text: string): Uint8Array {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----(.*?)(?:-----END \1-----|(?=-----BEGIN )|$)/gs)];
  if (blocks.length === 0) return parseBare(text);
  const isPrivate = ([, label = ""]: readonly string[]) => label.includes("PRIVATE KEY");
  const candidates = blocks.filter(isPrivate);
  if (candidates.length > 1) throw keyUnusable("several");
  const [whole = "", label = "", body = ""] = candidates[0] ?? blocks[0] ?? [];

  const problem = LABEL_PROBLEMS[label];
  if (problem !== undefined) throw keyUnusable(problem);
  // RFC 1421 §4.6.1.1, as OpenSSL still writes it for PKCS#1.
  if (/Proc-Type:[^\n]*ENCRYPTED/.test(body)) throw keyUnusable("encrypted");
  if (!whole.endsWith(`-----END ${label}-----`)) throw keyUnusable("truncated");
  // A backslash that a shell took away leaves the n of each line end.
  if (/^\s*nMII/.test(body)) throw keyUnusable("unescaped");
  const bytes = bytesOfBase64(body);
  if (bytes === undefined) throw keyUnusable(body.trim() === "" ? "truncated" : "damaged");
  return bytes;
}

/**
 * What stands there without PEM markers may be a block's body alone. Everything else gets a name, as far as it has one.
 */
function parseBare(text: string): Uint8Array {
  if (text === "") throw keyUnusable("missing");
  if (text.includes("-----BEGIN")) throw keyUnusable("truncated");
  if (/^(ssh-|ecdsa-)/.test(text)) throw keyUnusable("public");
  if (text.startsWith("PuTTY-User-Key-File")) throw keyUnusable("putty");
  if (text.startsWith("{")) throw keyUnusable(/"kty"/.test(text) ? "jwk" : "json");
  const bytes = bytesOfBase64(text);
  if (bytes?.[0] === SEQUENCE) return bytes;
  if (/\.(pem|key|der|txt|crt|p12|pfx)$/i.test(text) || /^(~?\/|\.\.?\/|[A-Za-z]:\\|file:)/.test(text)) {
    throw keyUnusable("path");
  }
  throw keyUnusable("unknown");
}

const RSA_ENCRYPTION = "2a864886f70d010101";
const RSASSA_PSS = "2a864886f70d01010a";
const EC_PUBLIC_KEY = "2a8648ce3d0201";
const PBES2 = "2a864886f70d01050d";
/** RFC 8018 and PKCS#12 number their older encryptions below these. */
const OLD_ENCRYPTIONS = ["2a864886f70d0105", "2a864886f70d010c01"];

/** Recognises PKCS#8 and PKCS#1 (RFC 5208 §5, RFC 8017 §A.1.2), and by name what else begins like them. */
function parseDer(der: Uint8Array): RsaPrivateKey {
  const [outer, ...rest] = readElements(der);
  if (outer?.tag !== SEQUENCE || rest.length > 0) throw new DerInvalid();
  const members = readElements(outer.content);
  const [first, second, third] = members;

  if (first?.tag === INTEGER && second?.tag === SEQUENCE && third?.tag === OCTET_STRING) {
    const problem = algorithmProblem(second);
    if (problem !== undefined) throw keyUnusable(problem);
    const [inner, ...more] = readElements(third.content);
    if (inner?.tag !== SEQUENCE || more.length > 0) throw new DerInvalid();
    return parseNumbers(inner);
  }
  if (first?.tag === INTEGER && second?.tag === INTEGER) return parseNumbers(outer);
  if (first?.tag === INTEGER && second?.tag === OCTET_STRING) throw keyUnusable("ec");
  if (first?.tag === INTEGER && second?.tag === SEQUENCE) throw keyUnusable("pkcs12");
  if (first?.tag === SEQUENCE && second?.tag === OCTET_STRING) throw keyUnusable(algorithmProblem(first) ?? "damaged");
  if (first?.tag === SEQUENCE && second?.tag === BIT_STRING) throw keyUnusable("public");
  if (first?.tag === SEQUENCE && third?.tag === BIT_STRING) throw keyUnusable("certificate");
  throw keyUnusable("damaged");
}

/** What an AlgorithmIdentifier says against a key. */
function algorithmProblem(identifier: Element): KeyProblem | undefined {
  const [algorithm] = readElements(identifier.content);
  if (algorithm?.tag !== OBJECT_IDENTIFIER) throw new DerInvalid();
  const id = hex(algorithm.content);
  if (id === RSA_ENCRYPTION) return undefined;
  if (id === RSASSA_PSS) return "pss";
  if (id === EC_PUBLIC_KEY) return "ec";
  if (id === PBES2 || OLD_ENCRYPTIONS.some((prefix) => id.startsWith(prefix))) return "encrypted";
  return "other";
}

/** RSAPrivateKey (RFC 8017 §A.1.2): a version and eight numbers. */
function parseNumbers(sequence: Element): RsaPrivateKey {
  const numbers = readElements(sequence.content);
  if (!numbers.every(({ tag, content }, index) => index >= 9 || (tag === INTEGER && content.length > 0))) {
    throw new DerInvalid();
  }
  const [version, modulus, exponent] = numbers.map(({ content }) => unsigned(content));
  // Two numbers alone are RSAPublicKey (RFC 8017 §A.1.1).
  if (numbers.length === 2) throw keyUnusable("public");
  if (version === undefined || modulus === undefined || exponent === undefined) throw keyUnusable("damaged");
  if (numbers.length > 9 || version[0] === 1) throw keyUnusable("multiprime");
  if (numbers.length < 9 || version.length > 0) throw keyUnusable("damaged");
  const bits = bitLength(modulus);
  if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX) throw keySizeRefused(bits, KEY_BITS_MIN, KEY_BITS_MAX);
  return { pkcs8: wrapPkcs1(sequence.content), modulus, publicExponent: exponent };
}

function bitLength(number: Uint8Array): number {
  const [highest = 0] = number;
  return number.length === 0 ? 0 : number.length * 8 - Math.clz32(highest) + 24;
}

const VERSION_0 = Uint8Array.of(INTEGER, 1, 0);
/** The OID 1.2.840.113549.1.1.1, and NULL for its parameters (RFC 8017 §A.1). */
const RSA_ALGORITHM = writeElement(
  SEQUENCE,
  Uint8Array.of(OBJECT_IDENTIFIER, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01),
  Uint8Array.of(NULL, 0),
);

/**
 * PrivateKeyInfo (RFC 5208 §5): version 0, rsaEncryption with NULL, and the key. Nothing of another one's attributes.
 */
function wrapPkcs1(numbers: Uint8Array): Uint8Array<ArrayBuffer> {
  return writeElement(SEQUENCE, VERSION_0, RSA_ALGORITHM, writeElement(OCTET_STRING, writeElement(SEQUENCE, numbers)));
}
