/**
 * Keys in the browser: telling a private key from a public one before anything is sent, and making a pair here. Nothing in this
 * folder asks the API, and no private key leaves it but as a file for whoever sits there.
 */

/** Members of a JWK that only a private or symmetric key has (RFC 7518 §6.3.2, §6.4.1). */
const PRIVATE_MEMBERS = /["']\s*(d|p|q|dp|dq|qi|oth|k)\s*["']\s*:/;

/**
 * Is a private key in this text, in whatever form: PEM of any kind, encrypted or not, OpenSSH, PuTTY, JWK, XML; with escaped line
 * ends, with damaged markers or none? Then it must not leave the page.
 *
 * Where in doubt the answer is yes: a refused public key costs a second look, a sent private key costs a new pair.
 */
export function isPrivateKey(text: string): boolean {
  const plain = unescapeText(text);
  return (
    /PRIVATE[\s_-]*KEY[ \t]*(BLOCK[ \t]*)?-/i.test(plain) ||
    /BEGIN[^\n]{0,60}PRIV/i.test(plain) ||
    /PuTTY-User-Key-File|Private-Lines\s*:|Private-MAC\s*:/i.test(plain) ||
    (/[{[]/.test(plain) && (PRIVATE_MEMBERS.test(plain) || hasPrivateMember(plain))) ||
    /<\s*(D|P|Q|DP|DQ|InverseQ)\s*>/.test(plain) ||
    base64Runs(plain).some(beginsLikePrivateKey)
  );
}

/** Undoes what copying out of a JSON file, a `.env` file or a log does to line ends. */
function unescapeText(text: string): string {
  return text.replaceAll(/\\+r/g, "").replaceAll(/\\+n/g, "\n").replaceAll(/\\"/g, '"').replaceAll("\r", "");
}

/** However the names are spelt in JSON (`"\u0064"`), a parser makes the same of them. */
function hasPrivateMember(text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  return JSON.stringify(value).match(PRIVATE_MEMBERS) !== null;
}

/** What of the text may be base64 with its markers lost: long runs, over line ends. */
function base64Runs(text: string): string[] {
  const joined = text.replaceAll(/-----[^\n]*?-----/g, "\n\n").replaceAll(/[ \t>|]*\n[ \t>|]*(?=[A-Za-z0-9+/])/g, "");
  return joined.match(/[A-Za-z0-9+/_-]{60,}/g) ?? [];
}

/**
 * By the first bytes. DER of private keys begins with a version, a short INTEGER (RFC 8017 A.1.2, RFC 5208, RFC 5915); public keys
 * and certificates don't. Encrypted ones name an algorithm of PKCS #5 or #12. OpenSSH's have a magic word.
 */
function beginsLikePrivateKey(run: string): boolean {
  if (run.startsWith("b3BlbnNzaC1rZXktdjE")) return true;
  const bytes = decodeBeginning(run);
  const body = bytes[0] === 0x30 ? bytes.subarray(sequenceHeaderBytes(bytes[1] ?? 0)) : undefined;
  if (body === undefined) return false;
  if (body[0] === 0x02 && body[1] === 0x01 && (body[2] ?? 2) <= 1) return true;
  // SEQUENCE { SEQUENCE { OBJECT IDENTIFIER 1.2.840.113549.1.5 or 1.12, … } }: EncryptedPrivateKeyInfo (RFC 5958 §3).
  const identifier = body[0] === 0x30 ? body.subarray(sequenceHeaderBytes(body[1] ?? 0)) : undefined;
  if (identifier?.[0] !== 0x06) return false;
  const start = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01];
  return start.every((byte, at) => identifier[2 + at] === byte) && [0x05, 0x0c].includes(identifier[9] ?? 0);
}

/** How many bytes a SEQUENCE's tag and length take (X.690 §8.1.3). */
function sequenceHeaderBytes(length: number): number {
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}

function decodeBeginning(run: string): Uint8Array {
  const base64 = run.slice(0, 60).replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
