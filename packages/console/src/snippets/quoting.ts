/** For sh: nothing in single quotes is special but the quote itself. */
export function shell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** For JavaScript and Python, whose escapes are JSON's. */
export function doubleQuoted(text: string): string {
  return JSON.stringify(text);
}

/** For PHP and Ruby, which put nothing into single quotes. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("\\", String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
}
