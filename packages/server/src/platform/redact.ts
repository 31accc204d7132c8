/** What stands where a secret was. */
const REDACTED = "[redacted]";

/** Credentials that are known by their form, wherever they stand in a text. */
const SECRET_FORMS: readonly RegExp[] = [
  // Private keys in PEM, cut off or not; in a text that is itself JSON, line ends are escaped.
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?="|$))/g,
  // Assertions: a JWS whose header is a JSON object ('{"', '{ ', '{\n' … in base64url), whole or without its signature.
  /\be[wy][A-Za-z0-9_=+/-]{6,}\.[A-Za-z0-9_=+/-]*(?:\.[A-Za-z0-9_=+/-]*)?/g,
  // Tokens.
  /\b[0-9]{1,10}\.[A-Za-z0-9_-]{8,28}\.[A-Za-z0-9_-]{20,}/g,
  // Secrets of resource servers, admin tokens, one-time links, sessions; recovery codes.
  /\bcs(?:rs|at|iv|se)_[A-Za-z0-9_-]+/g,
  /\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\b/g,
  // What follows a credential's scheme.
  /\b(?:JWT|Token|Bearer|Basic) +[A-Za-z0-9._~+/=-]{16,}/gi,
];

/** Places in a text where a secret stands, whatever it is, and what is written there. */
const SECRET_PLACES: readonly (readonly [RegExp, string])[] = [
  // User name and password of a database URL. A password that isn't percent-encoded may hold "/", "?", "#" and "@".
  [/(\bpostgres(?:ql)?:\/\/)[^\s"]*@/gi, `$1${REDACTED}@`],
  // The same of any other URL (RFC 3986 §3.2.1).
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s"/?#@]*@/gi, `$1${REDACTED}@`],
  // A member of a URL's query or fragment, or of a form.
  [
    /([?&#](?:access_token|assertion|client_assertion|client_secret|code|code_verifier|id_token|password|refresh_token|secret|sslpassword|state|token)=)[^&\s"#]+/gi,
    `$1${REDACTED}`,
  ],
  // A member of PostgreSQL's connection strings.
  [/(\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|[^\s'"&]+)/gi, `$1${REDACTED}`],
];

/** Names of members whose value is a secret, in small letters without "-" and "_". */
const SECRET_MEMBERS: ReadonlySet<string> = new Set([
  "accesstoken",
  "apikey",
  "assertion",
  "authorization",
  "clientassertion",
  "clientsecret",
  "connectionstring",
  "cookie",
  "idtoken",
  "mastersecret",
  "password",
  "privatekey",
  "proxyauthorization",
  "refreshtoken",
  "secret",
  "setcookie",
  "token",
]);

/** A configured secret with fewer characters is removed by its place alone. */
const EXACT_CHARACTERS_MIN = 16;

/** Random text of the shortest length seldom has fewer different characters. */
const EXACT_DISTINCT_MIN = 9;

/**
 * Makes a function that removes secrets from a text: by place (a URL's password, `password=…`), by form (a token, a private
 * key), and the configured `secrets` where they are long and random. A short or guessable one isn't searched for: replacing
 * the word "postgres" everywhere would tell the reader that it is the password.
 *
 * @param secrets the configured ones
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const exact = secrets.filter(isLongAndRandom).flatMap(spellingsOf);
  // The longer first: a spelling may contain another one.
  exact.sort((a, b) => b.length - a.length);
  return (text) => {
    let redacted = text;
    for (const secret of exact) redacted = redacted.replaceAll(secret, REDACTED);
    for (const [place, replacement] of SECRET_PLACES) redacted = redacted.replace(place, replacement);
    for (const form of SECRET_FORMS) redacted = redacted.replace(form, REDACTED);
    return redacted;
  };
}

/**
 * Makes a function that removes secrets from a line of JSON: in each text and each member's name as
 * {@link createRedactor} does, and the whole value of a member that is named as a secret. The result is valid JSON,
 * whatever the secrets are. A line that isn't JSON is replaced by one that says so.
 *
 * @param secrets the configured ones
 */
export function createLineRedactor(secrets: readonly string[]): (line: string) => string {
  const redactText = createRedactor(secrets);
  const redactValue = (value: unknown): unknown => {
    if (typeof value === "string") return redactText(value);
    if (Array.isArray(value)) return value.map(redactValue);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        redactText(name),
        isSecretMember(name) && member !== null ? REDACTED : redactValue(member),
      ]),
    );
  };
  return (line) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = { level: "error", msg: "a line of the log wasn't JSON and is left out" };
    }
    return `${JSON.stringify(redactValue(value))}\n`;
  };
}

function isSecretMember(name: string): boolean {
  return name.length <= 32 && SECRET_MEMBERS.has(name.toLowerCase().replaceAll(/[-_]/g, ""));
}

/** Is it so long and so mixed that no other text contains it by chance? */
function isLongAndRandom(secret: string): boolean {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(secret)).length;
  return secret.length >= EXACT_CHARACTERS_MIN && kinds >= 2 && new Set(secret).size >= EXACT_DISTINCT_MIN;
}

/** How a secret is spelled where it is quoted: as it is, within a URL, within JSON. */
function spellingsOf(secret: string): readonly string[] {
  return [...new Set([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])];
}

/**
 * For what a command says about its own command line, where a secret may stand in the place of a name, a file or an address:
 * removes whatever looks random as well. Not for logs, whose request ids and fingerprints look random too.
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
