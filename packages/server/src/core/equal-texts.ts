import { timingSafeEqual } from "node:crypto";

/**
 * Compares two texts in a time that reveals only whether their lengths are equal. MACs are compared as text, so a MAC in a
 * non-canonical spelling differs.
 */
export function equalTexts(expected: string, given: string): boolean {
  const expectedBytes = Buffer.from(expected, "utf8");
  const givenBytes = Buffer.from(given, "utf8");
  return expectedBytes.length === givenBytes.length && timingSafeEqual(expectedBytes, givenBytes);
}
