import { base64OfBytes } from "./bytes-of-base64.ts";

/** On every platform, though not a part of the language. */
declare const TextDecoder: new (label: string) => { decode(bytes: Uint8Array): string };

/** The first byte of DER (X.690), and the least second one where what follows is as long as a key. */
const SEQUENCE = 0x30;
const LONG_FORM = 0x80;

/**
 * The text of a key's file: UTF-8 or UTF-16, with a byte order mark or without; DER becomes its base64. Nothing of a key depends on
 * other characters than ASCII, so that a comment in another encoding does no harm.
 */
export function keyTextOfBytes(bytes: Uint8Array): string {
  if (bytes[0] === SEQUENCE && (bytes[1] ?? 0) >= LONG_FORM) return base64OfBytes(bytes);
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0))
    return new TextDecoder("utf-16le").decode(bytes);
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0))
    return new TextDecoder("utf-16be").decode(bytes);
  return new TextDecoder("utf-8").decode(bytes);
}
