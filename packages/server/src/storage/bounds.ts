/**
 * The bounds of columns. Untrusted texts and numbers are looked up unchecked, so values that a column can't hold must find nothing.
 */

/** Names that requests look for are strangers' texts: PostgreSQL refuses a NUL character rather than find nothing. */
export function canBeStored(name: string): boolean {
  return !name.includes("\0");
}

/** The greatest id that a column takes, which is `integer`. */
export const ID_MAX = 2 ** 31 - 1;

/** PostgreSQL rejects an id out of range instead of finding nothing. */
export function canBeId(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id <= ID_MAX;
}

/**
 * The texts that begin like this: from this one until the other, exclusive, in the order of their bytes. The greatest character
 * there is ends them; no name may have it.
 */
export function beginningWith(text: string): { readonly from: string; readonly until: string } {
  return { from: text, until: `${text}\u{10ffff}` };
}
