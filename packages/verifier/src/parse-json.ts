/** A JSON object's members, or `undefined` where the text is no JSON object. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** A position of the change feed or an id: a whole number without sign or leading zeros; `undefined` for all else. */
export function parseWholeNumber(text: string | null | undefined): number | undefined {
  // Fifteen digits are exact in a double.
  return typeof text === "string" && /^(0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : undefined;
}

/** The position in an event's id, `<position>-<hash>`; the hash is for the service alone. */
export function parseEventId(id: string | undefined): number | undefined {
  const [, position] = /^([^-]*)(?:-[0-9a-f]{1,64})?$/.exec(id ?? "") ?? [];
  return parseWholeNumber(position);
}

/** The same of a JSON number from 1 on. */
export function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** A name that may be kept: of this service's, none is longer than 78 characters. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]{1,200}$/.test(value);
}
