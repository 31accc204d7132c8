/**
 * The first wanted language that is available, by its full tag or else by its first subtag (`de-AT` takes `de`); English if there is
 * none. Tags are compared without regard to case (RFC 5646 §2.1.1).
 */
export function chooseLanguage(wanted: readonly string[], available: readonly string[]): string {
  for (const tag of wanted) {
    const [first] = tag.split("-");
    for (const candidate of [tag, first]) {
      const found = available.find((name) => name.toLowerCase() === candidate?.toLowerCase());
      if (found !== undefined) return found;
    }
  }
  return "en";
}
