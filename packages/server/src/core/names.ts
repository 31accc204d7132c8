import { isName, NAME_CHARACTERS_MAX } from "@countersign/protocol";
import { fieldRefusal } from "./refusal.ts";

/** The maximum length of display names, labels and contacts, in characters. */
const DISPLAY_CHARACTERS_MAX = 200;

/** The maximum length of descriptions, in characters. */
export const DESCRIPTION_CHARACTERS_MAX = 500;

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
 * @param what the field, in messages without its underscores @throws {Refusal} `field_invalid`
 */
export function checkDisplayText(what: string, value: string, charactersMax = DISPLAY_CHARACTERS_MAX): void {
  const shownName = what.replaceAll("_", " ");
  if (value.includes("\ufffd")) {
    throw fieldRefusal(
      "field_invalid",
      `The ${shownName} must be 1 to ${charactersMax} characters in UTF-8; U+FFFD in it stands for bytes that weren't.`,
      what,
    );
  }
  const visible = value.replaceAll("\u200d", "");
  if (visible.trim() === "" || value.length > charactersMax || /[\p{C}\p{Zl}\p{Zp}]/u.test(visible)) {
    throw fieldRefusal(
      "field_invalid",
      `The ${shownName} must be 1 to ${charactersMax} characters, not all blank, without control characters.`,
      what,
    );
  }
}

/** Checks what people note about something; `null` and `undefined` are no note. @throws {Refusal} `field_invalid` */
export function checkNotes(notes: {
  readonly displayName?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly contact?: string | null | undefined;
}): void {
  const { displayName, description, contact } = notes;
  if (typeof displayName === "string") checkDisplayText("display_name", displayName);
  if (typeof description === "string") checkDisplayText("description", description, DESCRIPTION_CHARACTERS_MAX);
  if (typeof contact === "string") checkDisplayText("contact", contact);
}

/** Makes a name safe for a message: replaces control characters, which would act on the operator's terminal, and shortens it. */
export function printable(text: string): string {
  const plain = text.replaceAll(/\p{C}/gu, "?");
  return plain.length > NAME_CHARACTERS_MAX + 20 ? `${plain.slice(0, NAME_CHARACTERS_MAX)}…` : plain;
}
