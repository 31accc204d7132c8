/** Longer texts aren't searched: nobody pastes one, and searching takes time that grows with the length. */
const TEXT_CHARACTERS_MAX = 262_144;

/** How deep JSON is searched. */
const JSON_DEPTH_MAX = 8;

/** A token as the exchange gives it: number, payload, MAC. */
const TOKEN = /^[0-9]{1,10}\.[A-Za-z0-9_-]{4,40}\.[A-Za-z0-9_-]{20,60}$/;

/** A compact JWS (RFC 7515 §7.1) whose header begins as a JSON object does, in base64url. */
const ASSERTION = /^e[wy][A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** The same two inside of other text. */
const TOKEN_INSIDE = /(?<![\w.-])[0-9]{1,10}\.[A-Za-z0-9_-]{4,40}\.[A-Za-z0-9_-]{20,60}(?![\w.-])/;
const ASSERTION_INSIDE = /(?<![\w.-])e[wy][A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*(?![\w.-])/;

/** A value after a name, in a URL, a form, a cookie or a shell's assignment; or between angle brackets. */
const VALUE_INSIDE = /[=<]["']?([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)(?=$|[&;,>"'\s])/g;

/** An Authorization header inside of other text: a line of `curl -v`, a command, a log. */
const HEADER_INSIDE = /authorization["']?\s*[:=]\s*["']?(?:(JWT|Token|Bearer)\s+)([A-Za-z0-9._~+/=%-]+)/i;

const HEADER_NAME = /^authorization\s*:\s*/i;

/** An assertion or a token that a person pasted. */
export interface FoundCredential {
  readonly kind: "assertion" | "token";
  /** The credential; for an assertion with what was before it, if that was a header, so that a wrong scheme can be explained. */
  readonly text: string;
  /** What was done to find it, as a sentence; `undefined` if the text was the credential or its header. */
  readonly note?: string;
}

/**
 * Finds the credential in what people paste: a header line, the output of `curl -v`, a command, an answer in JSON, a text with quotes,
 * line breaks or percent-encoding. A text that holds neither form is returned as an assertion, unchanged: what is wrong with it can be
 * explained then. No sentence repeats any of the text.
 */
export function findCredential(pasted: string): FoundCredential {
  const text = withoutQuotes(pasted.trim());
  const plain = readPlain(text);
  if (plain !== undefined) return plain;
  const unchanged: FoundCredential = { kind: "assertion", text };
  if (text.length > TEXT_CHARACTERS_MAX) return unchanged;
  const found = readDecoded(text) ?? readJson(text) ?? readJoined(text) ?? readValue(text);
  // One or two words are a credential that was damaged, which is for the explanation to say.
  if (found !== undefined || text.replace(HEADER_NAME, "").split(/\s+/).length <= 2) return found ?? unchanged;
  return readHeader(text) ?? readAnywhere(text) ?? unchanged;
}

/** Which of the two a bare credential is, by its form alone. */
export function credentialKind(credential: string): FoundCredential["kind"] | undefined {
  if (TOKEN.test(credential)) return "token";
  return ASSERTION.test(credential) ? "assertion" : undefined;
}

/** Which of the two a found text surely is; `undefined` if it holds neither form. */
export function foundKind({ text }: FoundCredential): FoundCredential["kind"] | undefined {
  return credentialKind(lastWord(text.trim()));
}

function lastWord(text: string): string {
  return text.split(/\s+/).at(-1) ?? "";
}

/** Reads a credential alone, after a scheme, or as a whole header line. */
function readPlain(text: string): FoundCredential | undefined {
  const value = text.replace(HEADER_NAME, "");
  const words = value.split(/\s+/);
  if (words.length > 2) return undefined;
  const credential = words.at(-1) ?? "";
  const kind = credentialKind(credential);
  if (kind === "token") return { kind, text: credential };
  return kind === undefined ? undefined : { kind, text };
}

function readDecoded(text: string): FoundCredential | undefined {
  if (!/%[0-9a-f]{2}/i.test(text)) return undefined;
  const decoded = text.replaceAll(/%[0-7][0-9a-f]/gi, (octet) =>
    String.fromCharCode(Number.parseInt(octet.slice(1), 16)),
  );
  const found = readPlain(decoded.replaceAll("+", " "));
  return found && { ...found, note: "The text is percent-encoded; the decoded text is used." };
}

function readJson(text: string): FoundCredential | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const found = findInJson(value, 0);
  return found && { ...found, note: `The ${found.kind} is taken from the JSON text.` };
}

function findInJson(value: unknown, depth: number): FoundCredential | undefined {
  if (typeof value === "string") return readPlain(value.trim());
  if (typeof value !== "object" || value === null || depth === JSON_DEPTH_MAX) return undefined;
  for (const member of Object.values(value)) {
    const found = findInJson(member, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readHeader(text: string): FoundCredential | undefined {
  const [, scheme = "", credential = ""] = HEADER_INSIDE.exec(text) ?? [];
  const kind = credentialKind(credential);
  const note = "The Authorization header in the text is used.";
  if (kind === "token") return { kind, text: credential, note };
  return credential === "" ? undefined : { kind: "assertion", text: `${scheme} ${credential}`, note };
}

/** Reads a credential that was broken into lines, as terminals and e-mails do. */
function readJoined(text: string): FoundCredential | undefined {
  const [, header = "", rest = ""] = /^((?:authorization\s*:\s*)?(?:(?:JWT|Token|Bearer)\s+)?)(.*)$/is.exec(text) ?? [];
  const credential = rest.replaceAll(/[\s\\]+/g, "");
  const kind = credentialKind(credential);
  if (kind === undefined) return undefined;
  const note = `The line breaks and spaces inside the ${kind} are left out.`;
  return { kind, text: kind === "token" ? credential : `${header}${credential}`, note };
}

function readValue(text: string): FoundCredential | undefined {
  for (const [, value = ""] of text.matchAll(VALUE_INSIDE)) {
    const kind = credentialKind(value);
    if (kind !== undefined) return { kind, text: value, note: `The first ${kind} in the text is used.` };
  }
  return undefined;
}

function readAnywhere(text: string): FoundCredential | undefined {
  for (const [kind, pattern] of [
    ["assertion", ASSERTION_INSIDE],
    ["token", TOKEN_INSIDE],
  ] as const) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) return { kind, text: found, note: `The first ${kind} in the text is used.` };
  }
  return undefined;
}

function withoutQuotes(text: string): string {
  return /^(["'`])(.+)\1[,;]?$/s.exec(text)?.[2]?.trim() ?? text;
}
