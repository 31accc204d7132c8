/**
 * Telling a private key's text from a public one's, in whatever form people paste it. The command line, the admin API and the console
 * ask the same question of the same function, so that none of them takes what another refuses. Nothing here keeps or repeats any of a
 * text.
 */
import { bytesOfBase64 } from "./bytes-of-base64.ts";

/** How many wrappings are opened, such as base64 of a JSON file that holds a PEM text. More of them aren't an accident. */
const WRAPPINGS_MAX = 4;

/**
 * Does this text hold a private key? PEM of any kind, whole, damaged or cut off, encrypted or not; bare base64, base64 of a PEM text,
 * hexadecimal digits; under a label that calls it public; OpenSSH, SSH.com, PuTTY, PKCS #12, PGP; a JWK or JWK Set, also nested in
 * other JSON; XML; what `openssl rsa -text` prints.
 *
 * A member that is null or empty is no private key: serialisers write the members that a public JWK doesn't have. Where in doubt the
 * answer is yes: a refused public key costs a second look, a private key that goes further costs a new pair.
 */
export function isPrivateKey(text: string): boolean {
  return holdsPrivateKey(text, WRAPPINGS_MAX);
}

function holdsPrivateKey(text: string, wrappings: number): boolean {
  if (wrappings === 0) return false;
  const plain = plainText(text);
  return (
    hasPrivateMarker(plain) ||
    hasNamedValue(plain) ||
    hasPrivateMember(parseJson(text) ?? parseJson(plain), wrappings) ||
    base64Runs(plain).some((run) => isPrivateRun(run, wrappings)) ||
    isPrivateHex(plain)
  );
}

/** Undoes what copying out of a JSON file, a `.env` file, a URL, XML or a log does to a text, and removes what can't be seen. */
function plainText(text: string): string {
  return (
    text
      .replaceAll(/[\0\u00ad\u200b-\u200d\u2060\ufeff\ufffd]/g, "")
      // The whole run with what is behind it, so that no backslash is looked at twice.
      .replaceAll(/(\\+)([nr"]?)/g, (_, run: string, escaped: string) => ESCAPED[escaped] ?? run)
      .replaceAll("\r", "")
      .replaceAll(/%0A/gi, "\n")
      .replaceAll(/&quot;|%22/gi, '"')
      .replaceAll(/&lt;/gi, "<")
      .replaceAll(/&gt;/gi, ">")
      .replaceAll(/%2B/gi, "+")
      .replaceAll(/%2F/gi, "/")
      .replaceAll(/%20/g, " ")
  );
}

/** What stands for what a JSON text or a shell has behind a backslash. */
const ESCAPED: Readonly<Record<string, string>> = { n: "\n", r: "", '"': '"' };

/**
 * The words of a marker, with a dash behind or BEGIN before them: in a comment the words alone mean nothing. Of dashes, a word
 * processor may have made others.
 */
function hasPrivateMarker(plain: string): boolean {
  return (
    /PRIVATE[\s_+-]{0,8}KEY[ \t+]{0,8}(?:BLOCK[ \t+]{0,8})?(?:--|[‐-―−﹘﹣－])/i.test(plain) ||
    /BEGIN[A-Z0-9 \t_+]{0,40}PRIV/i.test(plain) ||
    /PuTTY-User-Key-File|Private-Lines[ \t]*:|Private-MAC[ \t]*:|SSH PRIVATE KEY FILE|\(private-key[ \t]*\(/i.test(
      plain,
    )
  );
}

/** Private numbers by their names, each with a value. */
function hasNamedValue(plain: string): boolean {
  return (
    // Members of a private or symmetric JWK, in JSON or as another language writes such a value.
    /["'](?:d|p|q|dp|dq|qi|oth|k)["']\s*(?::|=>)\s*(?:[bu]?["']\s*[\w+/-]|\[\s*\{|[1-9])/.test(plain) ||
    (/\bkty\b/.test(plain) && /[{,\s](?:d|dp|dq|qi)\s*:\s*["']?[\w+/-]{16}/.test(plain)) ||
    // .NET's RSAKeyValue.
    /<\s*(?:\w{1,20}:)?(?:D|P|Q|DP|DQ|InverseQ)\s*>\s*[\w+/-]/.test(plain) ||
    // What openssl rsa -text prints, and Java's toString.
    /\bprivate[ _-]?exponent\s*[:=]\s*[\w:]/i.test(plain)
  );
}

/** Members of a JWK that only a private or symmetric key has (RFC 7518 §6.3.2, §6.4.1). */
const PRIVATE_MEMBERS: ReadonlySet<string> = new Set(["d", "p", "q", "dp", "dq", "qi", "oth", "k"]);

/** However the names are spelt in JSON (`"\u0064"`), a parser makes the same of them. */
function hasPrivateMember(value: unknown, wrappings: number, depth = 0): boolean {
  if (typeof value === "string") return holdsPrivateKey(value, wrappings - 1);
  if (typeof value !== "object" || value === null || depth > JSON_DEPTH_MAX) return false;
  return Object.entries(value).some(
    ([name, member]: [string, unknown]) =>
      (PRIVATE_MEMBERS.has(name) && hasValue(member)) || hasPrivateMember(member, wrappings, depth + 1),
  );
}

/** Deeper JSON holds no key, and would fill the stack. */
const JSON_DEPTH_MAX = 64;

function hasValue(member: unknown): boolean {
  if (Array.isArray(member)) return member.length > 0;
  return typeof member === "string"
    ? member.trim() !== ""
    : typeof member === "number" || (typeof member === "object" && member !== null);
}

function parseJson(text: string): unknown {
  if (!/^[\s\ufeff]*[[{"]/.test(text)) return undefined;
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
}

/** What of the text may be base64: long runs, over line ends, with their markers or without. */
function base64Runs(plain: string): string[] {
  const lines = plain.replaceAll(/-----[^\n-]{0,80}-----/g, "\n \n").split("\n");
  // White space and an e-mail's marks of a quotation.
  const joined = lines.map((line) => (line === " " ? line : line.replace(/^[\s>|]+/, "").trimEnd())).join("");
  return joined.match(/[A-Za-z0-9+/_-]{60,}/g) ?? [];
}

/** Enough characters of base64 for the bytes by which {@link isPrivateBinary} judges. */
const HEAD_CHARACTERS = 64;

function isPrivateRun(run: string, wrappings: number): boolean {
  if (isPrivateBinary(decode(run.slice(0, HEAD_CHARACTERS)))) return true;
  // A word may stand before it, or the n of a line end whose backslash a shell took away. DER of keys begins with MI in base64.
  for (const { index } of run.matchAll(/MI[A-Z]/g)) {
    if (isPrivateBinary(decode(run.slice(index, index + HEAD_CHARACTERS)))) return true;
  }
  // Base64 of a text, such as a PEM file's, which begins with dashes.
  const starts = [0, run.indexOf("LS0tLS1C")].filter((start) => start >= 0);
  return starts.some((start) => holdsPrivateKey(printableText(decode(run.slice(start))), wrappings - 1));
}

function isPrivateHex(plain: string): boolean {
  const digits = plain.replaceAll(/\s|:|^0x/g, "");
  if (!/^[0-9a-f]{200,}$/i.test(digits)) return false;
  return isPrivateBinary(
    Uint8Array.from(digits.slice(0, 2 * HEAD_CHARACTERS).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
  );
}

function decode(run: string): Uint8Array {
  return bytesOfBase64(run.length % 4 === 1 ? run.slice(0, -1) : run) ?? new Uint8Array();
}

/** The bytes as text where they begin like one; nothing where they are binary. A byte order mark and UTF-16 are text. */
function printableText(bytes: Uint8Array): string {
  const isText = bytes.subarray(0, 40).every((byte, at) => byte === 0 || (byte >= 0x09 && byte < 0x7f) || at < 3);
  return isText ? Array.from(bytes, (byte) => String.fromCharCode(byte)).join("") : "";
}

const INTEGER = 0x02;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;

/** 1.2.840.113549.1, and below it PKCS #5 and PKCS #12, whose algorithms encrypt keys. */
const PKCS = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01];
const ENCRYPTIONS = [0x05, 0x0c];

/**
 * By the first bytes. DER of private keys begins with a version, a short INTEGER (RFC 8017 A.1.2, RFC 5208, RFC 5915), and so does a
 * PKCS #12 file (RFC 7292 §4: 3); public keys and certificates don't. Encrypted ones name an algorithm of PKCS #5 or #12. OpenSSH's
 * and SSH.com's have magic words.
 */
function isPrivateBinary(bytes: Uint8Array): boolean {
  if (startsWith(bytes, OPENSSH_MAGIC) || startsWith(bytes, SSH_COM_MAGIC)) return true;
  const body = contentOf(bytes);
  if (body === undefined) return false;
  if (body[0] === INTEGER && body[1] === 1) return [0, 1, 3].includes(body[2] ?? -1);
  // SEQUENCE { SEQUENCE { OBJECT IDENTIFIER, … } }: EncryptedPrivateKeyInfo (RFC 5958 §3).
  const identifier = contentOf(body);
  return (
    identifier?.[0] === OBJECT_IDENTIFIER &&
    startsWith(identifier.subarray(2), PKCS) &&
    ENCRYPTIONS.includes(identifier[2 + PKCS.length] ?? 0)
  );
}

/** `openssh-key-v1` */
const OPENSSH_MAGIC = [0x6f, 0x70, 0x65, 0x6e, 0x73, 0x73, 0x68, 0x2d, 0x6b, 0x65, 0x79, 0x2d, 0x76, 0x31];
const SSH_COM_MAGIC = [0x3f, 0x6f, 0xf9, 0xeb];

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => bytes[at] === byte);
}

/** What stands in a SEQUENCE, as far as it is there (X.690 §8.1.3); `undefined` where the bytes are no SEQUENCE. */
function contentOf(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] !== SEQUENCE) return undefined;
  const length = bytes[1] ?? 0;
  return bytes.subarray(length < 0x80 ? 2 : 2 + (length & 0x7f));
}
