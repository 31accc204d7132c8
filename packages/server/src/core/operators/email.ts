/** Longest e-mail address, in characters (RFC 5321 §4.5.3.1.3, without its angle brackets). */
const EMAIL_CHARACTERS_MAX = 254;

/**
 * As an e-mail field of HTML takes it (WHATWG HTML §4.10.5.1.5), a local part of at most 64 characters. ASCII alone: two
 * addresses that look the same would be two operators. Without the `i` flag, under which some letters beyond ASCII are ASCII ones.
 */
const EMAIL =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** Trimmed and in lower case: whatever the case, it is one operator. @returns `undefined` for what is no address */
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
