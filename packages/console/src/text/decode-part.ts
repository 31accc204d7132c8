/** A part of an address as it was before it was escaped; `undefined` where it can't have been, such as `%` alone. */
export function decodePart(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
