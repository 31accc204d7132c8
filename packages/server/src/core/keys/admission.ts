import { createHash, type KeyObject } from "node:crypto";
import { isPrivateKey, KEY_TEXT_CHARACTERS_MAX } from "@countersign/protocol";
import { invalid, readPublicKey } from "./read-public-key.ts";
import { fieldRefusal, type Refusal } from "../refusal.ts";
import { keyWeak } from "./key-weak.ts";

/** The allowed key sizes in bits, inclusive. NIST SP 800-131A allows no RSA key below 2048. */
export const KEY_BITS_MIN = 2048;
export const KEY_BITS_MAX = 8192;

/** The allowed public exponents, inclusive; odd ones only (FIPS 186-5 A.1.1 requires more than 2^16). */
const EXPONENT_MIN = 65_537n;
const EXPONENT_MAX = 2n ** 32n - 1n;

/** A public key that was read from a text and has an allowed size and exponent. It isn't examined for other weaknesses yet. */
export interface ParsedKey {
  /** SubjectPublicKeyInfo, DER, encoded from the parsed key. */
  readonly spki: Buffer;
  /** The modulus, big-endian, without leading zeros. */
  readonly modulus: Buffer;
  /** SHA-256 of {@link modulus}, lower-case hex: the key's identity, whatever its exponent. */
  readonly modulusHash: string;
  readonly bits: number;
  readonly fingerprint: string;
  readonly thumbprint: string;
}

/**
 * Reads one RSA public key in any of the usual forms ({@link readPublicKey}) and checks its size and exponent. A certificate's dates
 * and signature are ignored. An {@link AdmitKey} makes the result a key that can be added.
 *
 * @throws {Refusal} `key_rejected`; the message says what is wrong and never quotes the text
 * @throws {Refusal} `key_weak` with the weakness `size` or `exponent`
 * @throws {Refusal} `private_key_exposed` for a private key in any form ({@link isPrivateKey}), which is never stored
 */
export function parsePublicKey(text: string): ParsedKey {
  if (text.length > KEY_TEXT_CHARACTERS_MAX) {
    throw invalid(`the key's text has ${text.length} characters; at most ${KEY_TEXT_CHARACTERS_MAX} are allowed`);
  }
  if (isPrivateKey(text)) throw privateKeyExposed(text);
  return describeKey(checkSize(readPublicKey(text)));
}

/** The fingerprint that `ssh-keygen -l` prints: SHA-256 over the SSH wire form (RFC 4253 §6.6), in base64 without padding. */
export function sshFingerprint(key: KeyObject): string {
  return fingerprintOf(rsaNumbers(key));
}

function fingerprintOf({ modulus, exponent }: RsaNumbers): string {
  const blob = Buffer.concat([sshString(Buffer.from("ssh-rsa")), sshInteger(exponent), sshInteger(modulus)]);
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replaceAll("=", "")}`;
}

function checkSize(key: KeyObject): KeyObject {
  // Keys restricted to RSASSA-PSS (RFC 4055) can't verify RS256.
  if (key.asymmetricKeyType !== "rsa") {
    throw invalid(`it is a key of the type ${key.asymmetricKeyType ?? "unknown"}; an RSA key is needed`);
  }
  const found = findSizeWeakness(key);
  if (found !== undefined) throw keyWeak(found.weakness, found.problem);
  return key;
}

/** Finds what is wrong with the size or the exponent of an RSA key, with a text for a refusal. */
export function findSizeWeakness(
  key: KeyObject,
): { readonly weakness: "size" | "exponent"; readonly problem: string } | undefined {
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX) {
    return { weakness: "size", problem: `the key has ${bits} bits; ${KEY_BITS_MIN} to ${KEY_BITS_MAX} are allowed` };
  }
  if (exponent < EXPONENT_MIN || exponent > EXPONENT_MAX || exponent % 2n === 0n) {
    return { weakness: "exponent", problem: "the key's public exponent must be odd and from 65537 to 2^32 - 1" };
  }
  return undefined;
}

function describeKey(key: KeyObject): ParsedKey {
  const numbers = rsaNumbers(key);
  const { n, e, modulus } = numbers;
  return {
    spki: key.export({ format: "der", type: "spki" }),
    modulus,
    modulusHash: createHash("sha256").update(modulus).digest("hex"),
    bits: key.asymmetricKeyDetails?.modulusLength ?? 0,
    fingerprint: fingerprintOf(numbers),
    // RFC 7638 §3: the required members only, in lexicographic order, without white space.
    thumbprint: createHash("sha256")
      .update(JSON.stringify({ e, kty: "RSA", n }))
      .digest("base64url"),
  };
}

function privateKeyExposed(text: string): Refusal {
  const isOpenSsh = text.includes("BEGIN OPENSSH PRIVATE KEY");
  return fieldRefusal(
    "private_key_exposed",
    "The key is refused: this is a PRIVATE key. It wasn't stored, but it should now be considered exposed: make a new key pair, " +
      "keep the private half where it was made, and add only the public half." +
      (isOpenSsh ? " ssh-keygen writes the public half into the file that ends in .pub." : ""),
    "public_key",
  );
}

/** The public numbers, as base64url and as bytes. */
interface RsaNumbers {
  readonly n: string;
  readonly e: string;
  readonly modulus: Buffer;
  readonly exponent: Buffer;
}

function rsaNumbers(key: KeyObject): RsaNumbers {
  const { n = "", e = "" } = key.export({ format: "jwk" });
  return { n, e, modulus: Buffer.from(n, "base64url"), exponent: Buffer.from(e, "base64url") };
}

function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** RFC 4251 §5, mpint: a leading zero byte keeps a positive number positive. */
function sshInteger(bytes: Buffer): Buffer {
  return sshString((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}
