const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** What each character code stands for; 64 where it is no digit. Both alphabets (RFC 4648 §4, §5). */
const DIGITS = new Uint8Array(128).fill(64);
for (let digit = 0; digit < 64; digit++) DIGITS[ALPHABET.charCodeAt(digit)] = digit;
DIGITS["-".charCodeAt(0)] = 62;
DIGITS["_".charCodeAt(0)] = 63;

/**
 * The bytes of base64 or base64url, with or without padding and white space; `undefined` where the text is neither, or is empty.
 * Without `atob`, which refuses base64url and isn't part of the language.
 */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const digits = text.replaceAll(/\s/g, "").replace(/={1,2}$/, "");
  if (digits === "" || digits.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  for (let at = 0, byte = 0; at < digits.length; at++) {
    const digit = DIGITS[digits.charCodeAt(at)] ?? 64;
    if (digit === 64) return undefined;
    bits = ((bits << 6) | digit) & 0xffffff;
    // Uint8Array keeps the low eight bits.
    if (at % 4 !== 0) bytes[byte++] = bits >> (6 - 2 * (at % 4));
  }
  return bytes;
}

/** Base64 with padding, on one line (RFC 4648 §4). */
export function base64OfBytes(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let digit = 0; digit < 4; digit++) {
      text += at + digit > bytes.length ? "=" : ALPHABET.charAt((bits >> (18 - 6 * digit)) & 63);
    }
  }
  return text;
}
