/** A text that a spreadsheet would run as a formula (OWASP, CSV injection), or that begins with the mark against it. */
const FORMULA = /^'*[=+\-@\t\r]/;

/**
 * Quotes a field where it needs to be (RFC 4180 §2). A field that a spreadsheet would take for a formula gets an apostrophe in front,
 * which {@link withoutGuard} takes off again.
 */
export function csvField(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The text of a field without the apostrophe that {@link csvField} puts in front of what looks like a formula. */
export function withoutGuard(field: string): string {
  return field.startsWith("'") && FORMULA.test(field.slice(1)) ? field.slice(1) : field;
}

/** A line of CSV. */
export function csvLine(fields: readonly string[]): string {
  return `${fields.map(csvField).join(",")}\r\n`;
}
