/** What stands where a secret was. */
const REDACTED = "[redacted]";

/** What is removed from a text. */
interface Pattern {
  /** Only a text with this in it can match: looking for it is much cheaper than the pattern. */
  readonly sign: string;
  readonly pattern: RegExp;
  readonly replacement: string;
}

/** Credentials that are known by their form, wherever they stand in a text. */
const SECRET_FORMS: readonly Pattern[] = [
  // Private keys in PEM, cut off or not; in a text that is itself JSON, line ends are escaped.
  form("-----BEGIN", /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?="|$))/g),
  // Assertions: a JWS whose header is a JSON object ('{"', '{ ', '{\n' … in base64url), whole or without its signature.
  form(".", /\be[wy][A-Za-z0-9_=+/-]{6,}\.[A-Za-z0-9_=+/-]*(?:\.[A-Za-z0-9_=+/-]*)?/g),
  // Tokens.
  form(".", /\b[0-9]{1,10}\.[A-Za-z0-9_-]{8,28}\.[A-Za-z0-9_-]{20,}/g),
  // Secrets of resource servers, admin tokens, one-time links, sessions; recovery codes.
  form("cs", /\bcs(?:rs|at|iv|se)_[A-Za-z0-9_-]+/g),
  form("-", /\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\b/g),
  // What follows a credential's scheme.
  form(" ", /\b(?:JWT|Token|Bearer|Basic) +[A-Za-z0-9._~+/=-]{16,}/gi),
];

/** Places in a text where a secret stands, whatever it is. The first group comes before it, a second one after it. */
const SECRET_PLACES: readonly Pattern[] = [
  // User name and password of a database URL. A password that isn't percent-encoded may hold "/", "?", "#" and "@".
  place("://", /(\bpostgres(?:ql)?:\/\/)[^\s"]*(@)/gi),
  // The same of any other URL (RFC 3986 §3.2.1).
  place("://", /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s"/?#@]*(@)/gi),
  // A member of a URL's query or fragment, or of a form.
  place(
    "=",
    /([?&#](?:access_token|assertion|client_assertion|client_secret|code|code_verifier|id_token|password|refresh_token|secret|sslpassword|state|token)=)[^&\s"#]+()/gi,
  ),
  // A member of PostgreSQL's connection strings.
  place("=", /(\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|[^\s'"&]+)()/gi),
];

function form(sign: string, pattern: RegExp): Pattern {
  return { sign, pattern, replacement: REDACTED };
}

function place(sign: string, pattern: RegExp): Pattern {
  return { sign, pattern, replacement: `$1${REDACTED}$2` };
}

const PATTERNS = [...SECRET_PLACES, ...SECRET_FORMS];

/** Names of members whose value is a secret. */
const SECRET_NAMES =
  "access[-_]?token|api[-_]?key|assertion|client[-_]?assertion|client[-_]?secret|connection[-_]?string|cookie|id[-_]?token|master[-_]?secret|password|private[-_]?key|(?:proxy[-_]?)?authorization|refresh[-_]?token|secret|set[-_]?cookie|token";

const SECRET_MEMBER = new RegExp(`^(?:${SECRET_NAMES})$`, "i");
const SECRET_MEMBER_IN_JSON = new RegExp(`"(?:${SECRET_NAMES})":`, "i");

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
    for (const { sign, pattern, replacement } of PATTERNS) {
      if (redacted.includes(sign)) redacted = redacted.replace(pattern, replacement);
    }
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
        SECRET_MEMBER.test(name) && member !== null ? REDACTED : redactValue(member),
      ]),
    );
  };
  return (line) => {
    // Most lines: without escapes a text stands in the line as it is, and so would a secret in it.
    const isPlain = line.startsWith("{") && line.endsWith("}\n") && !line.includes("\\");
    if (isPlain && !SECRET_MEMBER_IN_JSON.test(line) && redactText(line) === line) return line;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = { level: "error", msg: "a line of the log wasn't JSON and is left out" };
    }
    return `${JSON.stringify(redactValue(value))}\n`;
  };
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
