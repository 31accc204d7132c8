import { PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN } from "@countersign/protocol";
import { RegistryError } from "../registry-error.ts";

/** What has to be left of a password, in characters, without what everybody would guess. */
const UNGUESSED_CHARACTERS_MIN = 8;

/** Different characters that a password has at least. */
const DIFFERENT_CHARACTERS_MIN = 5;

/** The longest piece that may not be all of a password, over and over. */
const PIECE_CHARACTERS_MAX = 10;

/** What passwords that are long and easy to guess are made of. In lower case. */
const COMMON = [
  "countersign",
  "administrator",
  "passphrase",
  "password",
  "passwort",
  "passw0rd",
  "p@ssw0rd",
  "changeme",
  "letmein",
  "iloveyou",
  "welcome",
  "sunshine",
  "princess",
  "football",
  "baseball",
  "superman",
  "trustno1",
  "monkey",
  "dragon",
  "master",
  "secret",
  "default",
  "winter",
  "summer",
  "spring",
  "autumn",
  "login",
  "admin",
  "hello",
];

/** Rows that fingers and counting follow, forwards and backwards. */
const ROWS = [
  "abcdefghijklmnopqrstuvwxyz",
  "01234567890",
  "qwertyuiop",
  "qwertzuiop",
  "azertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "1q2w3e4r5t6y7u8i9o0p",
].flatMap((row) => [row, Array.from(row).toReversed().join("")]);

/** How many characters of a row are one, in a password. */
const ROW_CHARACTERS_MIN = 4;

/**
 * A password in the one form in which it is hashed: NFKC, so that it is the same from every keyboard (NIST SP 800-63B-4
 * §3.1.1.2).
 *
 * @returns `undefined` for half of a surrogate pair, which has no bytes of its own
 */
export function normalisePassword(text: string): string | undefined {
  return text.isWellFormed() ? text.normalize("NFKC") : undefined;
}

/**
 * Checks a new password (NIST SP 800-63B-4 §3.1.1.2): long enough, any characters, no rules about their kinds; but nothing that
 * everybody would guess. Characters are code points of the normalised text.
 *
 * @returns the normalised password
 * @throws {RegistryError} `invalid`, whose message repeats nothing of it
 */
export function checkNewPassword(field: string, text: string, email: string): string {
  const password = normalisePassword(text);
  if (password === undefined) throw new RegistryError("invalid", "The password isn't valid Unicode.", field);
  const length = Array.from(password).length;
  if (length < PASSWORD_CHARACTERS_MIN || length > PASSWORD_CHARACTERS_MAX) {
    throw new RegistryError(
      "invalid",
      `The password must have ${PASSWORD_CHARACTERS_MIN} to ${PASSWORD_CHARACTERS_MAX} characters; several words that have nothing to do with each other are easy to keep in mind.`,
      field,
    );
  }
  if (isEasilyGuessed(password.toLowerCase(), email)) {
    throw new RegistryError(
      "invalid",
      "The password is too easy to guess: it is little more than the e-mail address, a common word, a row of keys or a repetition.",
      field,
    );
  }
  return password;
}

function isEasilyGuessed(password: string, email: string): boolean {
  const characters = Array.from(password);
  if (new Set(characters).size < DIFFERENT_CHARACTERS_MIN || isRepetition(characters)) return true;
  const [local = "", domain = ""] = email.split("@");
  const own = [email, domain, local, ...domain.split("."), ...local.split(/[^a-z0-9]+/)].filter(
    (word) => word.length >= ROW_CHARACTERS_MIN,
  );
  let rest = password;
  for (const word of [...own, ...COMMON]) rest = rest.replaceAll(word, "");
  return Array.from(withoutRows(rest)).length < UNGUESSED_CHARACTERS_MIN;
}

/** Is it one short piece over and over, perhaps cut off at the end? */
function isRepetition(characters: readonly string[]): boolean {
  for (let piece = 1; piece <= PIECE_CHARACTERS_MAX && piece * 2 <= characters.length; piece++) {
    if (characters.every((character, at) => at < piece || character === characters[at - piece])) return true;
  }
  return false;
}

function withoutRows(text: string): string {
  let rest = "";
  for (let at = 0; at < text.length; ) {
    let length = 0;
    for (const row of ROWS) {
      while (row.includes(text.slice(at, at + length + 1)) && at + length < text.length) length++;
    }
    if (length < ROW_CHARACTERS_MIN) rest += text.slice(at, at + 1);
    at += length < ROW_CHARACTERS_MIN ? 1 : length;
  }
  return rest;
}
