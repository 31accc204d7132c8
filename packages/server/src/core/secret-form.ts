import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Random } from "./surroundings.ts";

const SECRET_BYTES = 32;
/** The lengths of 32 bytes and 4 bytes in base 62. */
const BODY_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Secrets of one kind. */
export interface SecretForm {
  make(random: Random): string;
  /** Does the text have the form of such a secret, with the right checksum? */
  hasForm(text: string): boolean;
}

/**
 * The form of secrets that this service makes: a prefix, 256 random bits, and a CRC-32 of both, in base 62. Only letters and digits
 * follow the prefix, so that a double click selects the whole secret. The checksum lets secret scanners rule out false matches.
 *
 * @param prefix such as `csrs_`, by which people and scanners recognize the secret
 */
export function secretForm(prefix: string): SecretForm {
  const form = new RegExp(`^${prefix}[0-9A-Za-z]{${BODY_CHARACTERS + CHECKSUM_CHARACTERS}}$`);
  return {
    make(random) {
      const body = prefix + toBase62(BigInt(`0x${random.bytes(SECRET_BYTES).toString("hex")}`), BODY_CHARACTERS);
      return body + checksumOf(body);
    },
    hasForm(text) {
      if (!form.test(text)) return false;
      return checksumOf(text.slice(0, -CHECKSUM_CHARACTERS)) === text.slice(-CHECKSUM_CHARACTERS);
    },
  };
}

/** The hash of a secret for the store: SHA-256, in hex. Only guessable secrets need a slow hash, and 256 random bits aren't. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function checksumOf(text: string): string {
  return toBase62(BigInt(crc32(text)), CHECKSUM_CHARACTERS);
}

function toBase62(value: bigint, characters: number): string {
  let text = "";
  for (let rest = value; rest > 0n; rest /= 62n) text = (ALPHABET[Number(rest % 62n)] ?? "") + text;
  return text.padStart(characters, "0");
}
