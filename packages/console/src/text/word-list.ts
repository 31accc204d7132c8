/** Words as typed, such as networks, one on each line; commas and spaces separate them too. The API checks them. */
export function parseWords(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** Words for a field, one on each line. */
export function wordsText(words: readonly string[]): string {
  return words.join("\n");
}

/** Whether two lists have the same words in the same order. */
export function areSameWords(one: readonly string[], other: readonly string[]): boolean {
  return wordsText(one) === wordsText(other);
}
