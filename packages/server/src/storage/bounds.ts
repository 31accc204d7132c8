/**
 * The bounds of columns. Lookups take untrusted texts and numbers unchecked, so a value that a column can't hold must find nothing.
 */

/** Can a column hold this untrusted name? PostgreSQL rejects a NUL character instead of finding nothing. */
export function canBeStored(name: string): boolean {
  return !name.includes("\0");
}

/** The greatest id that an `integer` column can hold. */
export const ID_MAX = 2 ** 31 - 1;

/** Can a column hold this id? PostgreSQL rejects one out of range instead of finding nothing. */
export function canBeId(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id <= ID_MAX;
}

/**
 * The range of texts with this prefix, in byte order; `until` is exclusive. `until` ends in the greatest code point, which no name
 * may contain.
 */
export function beginningWith(text: string): { readonly from: string; readonly until: string } {
  return { from: text, until: `${text}\u{10ffff}` };
}
