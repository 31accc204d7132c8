/** Longest shortname, API user name or resource server name, in characters. */
const NAME_CHARACTERS_MAX = 63;

/** Longest display name or label, in characters. */
const DISPLAY_CHARACTERS_MAX = 200;

/** @param what what the value is called, in messages and as a field @throws {Refusal} `field_invalid` */
export function checkName(what: string, value: string): void {
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(value) || value.length > NAME_CHARACTERS_MAX) {
    throw fieldRefusal(
      "field_invalid",
      `The ${what} must be 1 to ${NAME_CHARACTERS_MAX} lower-case letters, digits, ".", "_" and "-", and begin with a letter or digit.`,
      what,
    );
  }
}

/**
 * Names and labels are shown on terminals and pages: no control, format or unassigned characters (Unicode category C) but
 * the joiner that emoji need, and no line or paragraph separators. U+FFFD stands where a program met bytes in another encoding than
 * it expected: what was meant is lost.
 *
 * @throws {Refusal} `field_invalid`
 */
export function checkDisplayText(what: string, value: string): void {
  if (value.includes("\ufffd")) {
    throw fieldRefusal(
      "field_invalid",
      `The ${what} must be 1 to ${DISPLAY_CHARACTERS_MAX} characters in UTF-8; U+FFFD in it stands for bytes that weren't.`,
      what,
    );
  }
  const visible = value.replaceAll("\u200d", "");
  if (visible.trim() === "" || value.length > DISPLAY_CHARACTERS_MAX || /[\p{C}\p{Zl}\p{Zp}]/u.test(visible)) {
    throw fieldRefusal(
      "field_invalid",
      `The ${what} must be 1 to ${DISPLAY_CHARACTERS_MAX} characters, not all blank, without control characters.`,
      what,
    );
  }
}

/** A name from outside, fit for a message: control characters would act on the operator's terminal. */
export function printable(text: string): string {
  const plain = text.replaceAll(/\p{C}/gu, "?");
  return plain.length > NAME_CHARACTERS_MAX + 20 ? `${plain.slice(0, NAME_CHARACTERS_MAX)}…` : plain;
}
import { fieldRefusal } from "./refusal.ts";
