/**
 * Base64 with what every platform has: `Uint8Array.fromBase64` isn't there on Node 24.
 */

/** Base64 with padding (RFC 4648 §4). */
export function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Base64url without padding (RFC 7515 §2). */
export function base64urlOf(bytes: Uint8Array): string {
  return base64Of(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The same of a text's UTF-8. */
export function base64urlOfText(text: string): string {
  return base64urlOf(new TextEncoder().encode(text));
}

/** The bytes of base64 or base64url, with or without padding and white space; `undefined` where it is neither. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const digits = text.replaceAll(/\s/g, "").replace(/={1,2}$/, "");
  if (digits === "" || !/^[\w+/-]+$/.test(digits) || digits.length % 4 === 1) return undefined;
  const binary = atob(digits.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
