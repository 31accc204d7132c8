import { isName, NAME_CHARACTERS_MAX } from "@countersign/protocol";
import { fieldRefusal } from "./refusal.ts";

/** The maximum length of display names and labels, in characters. */
const DISPLAY_CHARACTERS_MAX = 200;

/** Checks a name's characters and length. @param what the value's name, in messages and as a field @throws {Refusal} `field_invalid` */
export function checkName(what: string, value: string): void {
  if (!isName(value)) {
    throw fieldRefusal(
      "field_invalid",
      `The ${what} must be 1 to ${NAME_CHARACTERS_MAX} lower-case letters, digits, ".", "_" and "-", and begin with a letter or digit.`,
      what,
    );
  }
}

/**
 * Checks a name or label that terminals and pages show. It must not have control, format or unassigned characters (Unicode category
 * C), except the joiner that emoji need, nor line or paragraph separators. It must not have U+FFFD, which replaces bytes that a
 * program couldn't decode: the intended text is lost.
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

/** Makes a name safe for a message: replaces control characters, which would act on the operator's terminal, and shortens it. */
export function printable(text: string): string {
  const plain = text.replaceAll(/\p{C}/gu, "?");
  return plain.length > NAME_CHARACTERS_MAX + 20 ? `${plain.slice(0, NAME_CHARACTERS_MAX)}…` : plain;
}
