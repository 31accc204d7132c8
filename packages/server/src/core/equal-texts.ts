import { timingSafeEqual } from "node:crypto";

/**
 * Compares two texts in a time that tells nothing but whether their lengths are equal. They are compared as text: a MAC in any
 * spelling but the canonical one differs. Characters beyond Latin-1 can't be folded onto others, since UTF-8 makes them longer.
 */
export function equalTexts(expected: string, given: string): boolean {
  const expectedBytes = Buffer.from(expected, "utf8");
  const givenBytes = Buffer.from(given, "utf8");
  return expectedBytes.length === givenBytes.length && timingSafeEqual(expectedBytes, givenBytes);
}
