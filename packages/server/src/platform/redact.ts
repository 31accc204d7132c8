/** What stands in a log line where a secret was. */
const REDACTED = "[redacted]";

/**
 * What must never reach a log, by its form. The sink applies this to whole lines, so that it holds for every message,
 * field, header and stack trace, whoever wrote it.
 */
const SECRET_FORMS: readonly RegExp[] = [
  // Private keys in PEM, cut off or not; line ends are escaped in JSON.
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?="|$))/g,
  // Assertions: a JWS whose header is a JSON object ('{"', '{ ', '{\n' … in base64url), whole or without its signature.
  /\be[wy][A-Za-z0-9_=+/-]{6,}\.[A-Za-z0-9_=+/-]*(?:\.[A-Za-z0-9_=+/-]*)?/g,
  // Tokens.
  /\b[0-9]{1,10}\.[A-Za-z0-9_-]{8,28}\.[A-Za-z0-9_-]{20,}/g,
  // Secrets of resource servers, admin tokens, one-time links, sessions; recovery codes.
  /\bcs(?:rs|at|iv|se)_[A-Za-z0-9_-]+/g,
  /\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\b/g,
  // Whatever follows a credential's scheme.
  /\b(?:JWT|Token|Bearer|Basic) +[A-Za-z0-9._~+/=-]{16,}/gi,
];

/**
 * Makes a function that removes secrets from a line: those of a known form, and `secrets`, letter by letter.
 *
 * @param secrets exact texts, such as the configured master secret
 */
export function createRedactor(secrets: readonly string[]): (line: string) => string {
  return (line) => {
    let redacted = line;
    for (const secret of secrets) if (secret !== "") redacted = redacted.replaceAll(secret, REDACTED);
    for (const form of SECRET_FORMS) redacted = redacted.replace(form, REDACTED);
    return redacted;
  };
}

/**
 * For what a command says about its own command line, where a secret may stand in the place of a name, a file or an address:
 * removes, besides every known form, the password in a URL and whatever looks random. Not for logs, whose request ids and
 * fingerprints look random too.
 */
export function createCommandLineRedactor(): (line: string) => string {
  const redactForms = createRedactor([]);
  return (line) =>
    redactForms(line)
      .replace(/\/\/[^\s/@]*@/g, `//${REDACTED}@`)
      .replace(/[A-Za-z0-9+/_=-]{32,}/g, (run) => (looksRandom(run) ? REDACTED : run));
}

/**
 * Base64 of random bytes changes between capitals, small letters and digits with two characters out of three; names and
 * paths, however joined, with far fewer.
 */
function looksRandom(text: string): boolean {
  if (![/[A-Z]/, /[a-z]/, /[0-9]/].every((kind) => kind.test(text))) return false;
  const changes = text.match(/[a-z](?![a-z])|[A-Z](?![A-Z])|[0-9](?![0-9])/g)?.length ?? 0;
  return changes / text.length > 0.36;
}
