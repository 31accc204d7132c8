/** How many characters of a message from a server are shown. */
const MESSAGE_CHARACTERS_MAX = 1000;

/**
 * Makes a text from a server safe to print. Control and format characters, which a terminal acts on or which turn the order of a line
 * around, lone surrogates and separators of lines become `?`. The joiner in emoji stays, as in the names that the service accepts.
 */
export function inertText(text: string): string {
  return text.replaceAll(/(?!\u200d)[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

/** The same for a text of several lines, which may end in CRLF. */
export function inertLines(text: string): string {
  return text.replaceAll(/(?!\u200d|\r?\n)[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

/** The same for a message, which is also cut to a length that a person reads. */
export function inertMessage(text: string): string {
  return inertText(text.slice(0, MESSAGE_CHARACTERS_MAX));
}

/** A value of JSON with every text in it made inert, the names of members included. */
export function inertJson(value: unknown): unknown {
  if (typeof value === "string") return inertText(value);
  if (Array.isArray(value)) return value.map(inertJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [inertText(name), inertJson(member)]));
}
