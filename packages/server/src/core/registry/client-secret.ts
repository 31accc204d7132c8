import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { equalTexts } from "../equal-texts.ts";
import type { Random } from "../surroundings.ts";

/** Stands before every secret of a resource server, so that people and scanners know one when they see it. */
const PREFIX = "csrs_";

const SECRET_BYTES = 32;
/** 32 bytes and 4 bytes in base 62. */
const BODY_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${BODY_CHARACTERS + CHECKSUM_CHARACTERS}}$`);

/**
 * Makes a resource server's secret: `csrs_`, 256 random bits and a CRC-32 of all that, both in base 62. Letters and digits
 * alone, so that a double click selects it whole; the checksum lets a scanner of secrets rule out what merely looks alike.
 */
export function makeClientSecret(random: Random): string {
  const body = PREFIX + toBase62(BigInt(`0x${random.bytes(SECRET_BYTES).toString("hex")}`), BODY_CHARACTERS);
  return body + checksumOf(body);
}

/** Is this text a secret's form, with the right checksum? Says nothing about whose it is. */
export function isClientSecret(text: string): boolean {
  if (!FORM.test(text)) return false;
  return checksumOf(text.slice(0, -CHECKSUM_CHARACTERS)) === text.slice(-CHECKSUM_CHARACTERS);
}

/** What the store keeps of a secret: SHA-256, in hex. A slow hash is for secrets that can be guessed; 256 bits can't. */
export function hashClientSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Compares a secret with a stored hash. */
export function matchesSecretHash(secret: string, hash: string): boolean {
  return equalTexts(hash, hashClientSecret(secret));
}

function checksumOf(text: string): string {
  return toBase62(BigInt(crc32(text)), CHECKSUM_CHARACTERS);
}

function toBase62(value: bigint, characters: number): string {
  let text = "";
  for (let rest = value; rest > 0n; rest /= 62n) text = (ALPHABET[Number(rest % 62n)] ?? "") + text;
  return text.padStart(characters, "0");
}
