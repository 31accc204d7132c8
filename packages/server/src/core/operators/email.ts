/** Longest e-mail address, in characters (RFC 5321 §4.5.3.1.3, without its angle brackets). */
const EMAIL_CHARACTERS_MAX = 254;

/**
 * An address as HTML's e-mail field accepts it (WHATWG HTML §4.10.5.1.5), with a local part of at most 64 characters. ASCII only:
 * otherwise two addresses that look the same could belong to two operators. Without the `i` flag, under which some non-ASCII letters
 * match ASCII ones.
 */
const EMAIL =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** Trims an address and puts it in lower case, since case doesn't distinguish operators. @returns `undefined` if it isn't an address */
export function parseEmail(text: string): string | undefined {
  const trimmed = text.trim();
  return trimmed.length <= EMAIL_CHARACTERS_MAX && EMAIL.test(trimmed) ? trimmed.toLowerCase() : undefined;
}

/** @throws {Refusal} `field_invalid` */
export function requireEmail(text: string): string {
  const email = parseEmail(text);
  if (email === undefined) {
    const message = `The e-mail address must be a name, an "@" and a domain, in at most ${EMAIL_CHARACTERS_MAX} ASCII characters.`;
    throw fieldRefusal("field_invalid", message, "email");
  }
  return email;
}
import { fieldRefusal } from "../refusal.ts";
