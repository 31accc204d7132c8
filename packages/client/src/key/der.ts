/**
 * As much of DER (X.690) as a private key needs: reading elements, and writing three kinds of them.
 */

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OBJECT_IDENTIFIER = 0x06;
export const SEQUENCE = 0x30;

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/** The bytes end before an element that they announce does, as those of a cut-off key do. */
export class DerTruncated extends Error {}

/** The bytes aren't DER. */
export class DerInvalid extends Error {}

/**
 * All elements that stand one after the other in `bytes`.
 *
 * @throws {DerTruncated} where the last one isn't whole
 * @throws {DerInvalid} for lengths that no key has or DER doesn't allow
 */
export function readElements(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = byteAt(bytes, at);
    let length = byteAt(bytes, at + 1);
    at += 2;
    if (length >= 0x80) {
      // Two octets reach 65535, more than the largest key needs.
      const octets = length - 0x80;
      if (octets === 0 || octets > 2) throw new DerInvalid();
      length = octets === 1 ? byteAt(bytes, at) : byteAt(bytes, at) * 256 + byteAt(bytes, at + 1);
      at += octets;
    }
    if (at + length > bytes.length) throw new DerTruncated();
    elements.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return elements;
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new DerTruncated();
  return byte;
}

/** One element of this content. */
export function writeElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}

/** An unsigned INTEGER without the zero octet that keeps it positive. */
export function unsigned(content: Uint8Array): Uint8Array {
  let at = 0;
  while (at < content.length && content[at] === 0) at++;
  return content.subarray(at);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
