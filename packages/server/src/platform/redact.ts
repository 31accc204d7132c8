/** The text that replaces a secret. */
const REDACTED = "[redacted]";

/** A pattern of secrets to remove. */
interface Pattern {
  /** Every matching text contains this. Searching for it first is much cheaper than the pattern. */
  readonly sign: string;
  readonly pattern: RegExp;
  readonly replacement: string;
}

/** Credentials that are recognized by their form, anywhere in a text. */
const SECRET_FORMS: readonly Pattern[] = [
  // Private keys in PEM, possibly cut off. In a text that is itself JSON, line breaks are escaped.
  form("-----BEGIN", /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?="|$))/g),
  // Assertions: a JWS whose header is a JSON object ('{"', '{ ', '{\n' … in base64url), whole or without its signature.
  form(".", /\be[wy][A-Za-z0-9_=+/-]{6,}\.[A-Za-z0-9_=+/-]*(?:\.[A-Za-z0-9_=+/-]*)?/g),
  // Tokens.
  form(".", /\b[0-9]{1,10}\.[A-Za-z0-9_-]{8,28}\.[A-Za-z0-9_-]{20,}/g),
  // Secrets of resource servers, admin tokens, one-time links, sessions; recovery codes.
  form("cs", /\bcs(?:rs|at|iv|se|dc)_[A-Za-z0-9_-]+/g),
  // Secrets of webhook endpoints.
  form("whsec_", /\bwhsec_[A-Za-z0-9+/=_-]+/g),
  form("-", /\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\b/g),
  // Credentials after their scheme.
  form(" ", /\b(?:JWT|Token|Bearer|Basic) +[A-Za-z0-9._~+/=-]{16,}/gi),
];

/** Places whose content is secret whatever its form. The first group precedes the secret, the second follows it. */
const SECRET_PLACES: readonly Pattern[] = [
  // User name and password of a database URL. A password that isn't percent-encoded may hold "/", "?", "#" and "@".
  place("://", /(\bpostgres(?:ql)?:\/\/)[^\s"]*(@)/gi),
  // User name and password of any other URL (RFC 3986 §3.2.1).
  place("://", /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s"/?#@]*(@)/gi),
  // A parameter in a URL's query or fragment, or in a form.
  place(
    "=",
    /([?&#](?:access_token|assertion|client_assertion|client_secret|code|code_verifier|id_token|password|refresh_token|secret|sslpassword|state|token)=)[^&\s"#]+()/gi,
  ),
  // A parameter in a PostgreSQL connection string.
  place("=", /(\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|[^\s'"&]+)()/gi),
];

function form(sign: string, pattern: RegExp): Pattern {
  return { sign, pattern, replacement: REDACTED };
}

function place(sign: string, pattern: RegExp): Pattern {
  return { sign, pattern, replacement: `$1${REDACTED}$2` };
}

const PATTERNS = [...SECRET_PLACES, ...SECRET_FORMS];

/** Names of JSON members whose value is secret. */
const SECRET_NAMES =
  "access[-_]?token|api[-_]?key|assertion|client[-_]?assertion|client[-_]?secret|connection[-_]?string|cookie|id[-_]?token|master[-_]?secret|password|private[-_]?key|(?:proxy[-_]?)?authorization|refresh[-_]?token|secret|set[-_]?cookie|token";

const SECRET_MEMBER = new RegExp(`^(?:${SECRET_NAMES})$`, "i");
const SECRET_MEMBER_IN_JSON = new RegExp(`"(?:${SECRET_NAMES})":`, "i");

/** A configured secret with fewer characters is removed only by its place. */
const EXACT_CHARACTERS_MIN = 16;

/** Random text of the minimum length rarely has fewer distinct characters. */
const EXACT_DISTINCT_MIN = 9;

/**
 * Makes a function that removes secrets from a text: by place (a URL's password, `password=…`), by form (a token, a private
 * key), and the configured `secrets` that are long and random. It doesn't search for short or guessable ones: replacing the word
 * "postgres" everywhere would reveal that it is the password.
 *
 * @param secrets the configured ones
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const exact = secrets.filter(isLongAndRandom).flatMap(spellingsOf);
  // Longer spellings first, because one may contain another.
  exact.sort((a, b) => b.length - a.length);
  return (text) => {
    let redacted = text;
    for (const secret of exact) redacted = redacted.replaceAll(secret, REDACTED);
    for (const { sign, pattern, replacement } of PATTERNS) {
      if (redacted.includes(sign)) redacted = redacted.replace(pattern, replacement);
    }
    return redacted;
  };
}

/**
 * Makes a function that removes secrets from a line of JSON: from each string and member name as {@link createRedactor} does,
 * and the whole value of a member with the name of a secret. The result is always valid JSON. A line that isn't JSON is replaced
 * by one that says so.
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
        SECRET_MEMBER.test(name) && member !== null ? REDACTED : redactValue(member),
      ]),
    );
  };
  return (line) => {
    // The fast path for most lines: without escapes, a secret would appear in the line unchanged.
    const isPlain = line.startsWith("{") && line.endsWith("}\n") && !line.includes("\\");
    if (isPlain && !SECRET_MEMBER_IN_JSON.test(line) && redactText(line) === line) return line;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = { level: "error", msg: "a log line wasn't JSON and was left out" };
    }
    return `${JSON.stringify(redactValue(value))}\n`;
  };
}

/** Is it long and varied enough that no other text contains it by chance? */
function isLongAndRandom(secret: string): boolean {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(secret)).length;
  return secret.length >= EXACT_CHARACTERS_MIN && kinds >= 2 && new Set(secret).size >= EXACT_DISTINCT_MIN;
}

/** The spellings of a secret in messages: unchanged, URL-encoded, and escaped for JSON. */
function spellingsOf(secret: string): readonly string[] {
  return [...new Set([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])];
}

/**
 * Makes a function for messages about a command line, in which a secret may have been given in place of a name, file or address.
 * It removes everything that looks random as well. Not for logs, whose request ids and fingerprints look random too.
 */
export function createCommandLineRedactor(): (line: string) => string {
  const redactForms = createRedactor([]);
  return (line) =>
    redactForms(line)
      .replace(/\/\/[^\s/@]*@/g, `//${REDACTED}@`)
      .replace(/[A-Za-z0-9+/_=-]{32,}/g, (run) => (looksRandom(run) ? REDACTED : run));
}

/**
 * In base64 of random bytes, two of three characters change between upper case, lower case and digits; in names and paths far
 * fewer do.
 */
function looksRandom(text: string): boolean {
  if (![/[A-Z]/, /[a-z]/, /[0-9]/].every((kind) => kind.test(text))) return false;
  const changes = text.match(/[a-z](?![a-z])|[A-Z](?![A-Z])|[0-9](?![0-9])/g)?.length ?? 0;
  return changes / text.length > 0.36;
}
