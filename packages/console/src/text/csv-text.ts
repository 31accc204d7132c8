/** A cell that begins with one of these is a formula to a spreadsheet. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * Writes items as CSV by RFC 4180: a header with the fields' names, then one record for each item. A text that a spreadsheet would take
 * for a formula begins with an apostrophe; a field without a value is empty, and the parts of a list are separated by spaces.
 */
export function csvText<Item>(items: readonly Item[], fields: readonly (keyof Item & string)[]): string {
  const records = [fields, ...items.map((item) => fields.map((field) => item[field]))];
  return records.map((record) => `${record.map(cellOf).join(",")}\r\n`).join("");
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = Array.isArray(value) ? value.join(" ") : typeof value === "string" ? value : JSON.stringify(value);
  const safe = typeof value !== "number" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
