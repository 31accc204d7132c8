import { RECOVERY_CODES } from "@countersign/protocol";
import { hashSecret, secretForm } from "../secret-form.ts";
import type { Random } from "../surroundings.ts";

/** The secrets of session cookies, one-time links, admin tokens and command lines that ask for one: 256 random bits each. */
export const SESSION_SECRETS = secretForm("csse_");
export const LINK_SECRETS = secretForm("csiv_");
export const ADMIN_TOKENS = secretForm("csat_");
export const DEVICE_CODES = secretForm("csdc_");

/** Crockford's base 32: no letter that looks like a digit, and no U, so that no code is a word. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_BYTES = 10;
const GROUP_CHARACTERS = 4;
const CODE_CHARACTERS = 16;

/** 80 random bits, such as `7K3M-9QXA-0B5C-WZ2N`: to be written down and typed in again. */
function makeRecoveryCode(random: Random): string {
  let rest = BigInt(`0x${random.bytes(CODE_BYTES).toString("hex")}`);
  let text = "";
  for (let at = 0; at < CODE_CHARACTERS; at++) {
    if (at > 0 && at % GROUP_CHARACTERS === 0) text = `-${text}`;
    text = (ALPHABET[Number(rest & 31n)] ?? "") + text;
    rest >>= 5n;
  }
  return text;
}

/** A new set of codes for one operator. */
export function makeRecoveryCodes(random: Random): readonly string[] {
  return Array.from({ length: RECOVERY_CODES }, () => makeRecoveryCode(random));
}

/**
 * Parses a typed code: in any case, with any blanks and dashes, with O for 0, I or L for 1.
 *
 * @returns the code in its canonical form; a text that equals no code if it isn't one
 */
export function parseRecoveryCode(text: string): string {
  const plain = text.replaceAll(/[\s-]/g, "").toUpperCase().replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  const isCode =
    plain.length === CODE_CHARACTERS && Array.from(plain).every((character) => ALPHABET.includes(character));
  return isCode ? (plain.match(/.{4}/g) ?? []).join("-") : "";
}

/** The stored form of a recovery code: SHA-256, in hex. With 80 random bits it needs no slower hash. */
export function hashRecoveryCode(code: string): string {
  return hashSecret(code);
}

/** Consonants that look like no other one: no code is a word (RFC 8628 §6.1). */
const USER_CODE_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_CHARACTERS = 8;

/** A code such as `WDJB-MJHT`, which an operator types: one of 20^8, or 34.5 bits. */
export function makeUserCode(random: Random): string {
  const code = randomLetters(random, USER_CODE_CHARACTERS);
  return `${code.slice(0, GROUP_CHARACTERS)}-${code.slice(GROUP_CHARACTERS)}`;
}

/** Parses a typed code: in any case, with any blanks and dashes. @returns the code as it was shown; `undefined` if it has another form */
export function parseUserCode(text: string): string | undefined {
  const plain = text.replaceAll(/[\s-]/g, "").toUpperCase();
  const isCode =
    plain.length === USER_CODE_CHARACTERS &&
    Array.from(plain).every((character) => USER_CODE_ALPHABET.includes(character));
  return isCode ? `${plain.slice(0, GROUP_CHARACTERS)}-${plain.slice(GROUP_CHARACTERS)}` : undefined;
}

/** Random letters of {@link USER_CODE_ALPHABET}, at most 12. Of 128 random bits, so that all are equally likely. */
export function randomLetters(random: Random, count: number): string {
  let rest = BigInt(`0x${random.bytes(16).toString("hex")}`);
  let text = "";
  for (let at = 0; at < count; at++) {
    text += USER_CODE_ALPHABET[Number(rest % 20n)] ?? "";
    rest /= 20n;
  }
  return text;
}
