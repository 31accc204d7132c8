/**
 * Tokens: `<signing key number>.<payload>.<MAC>`, opaque to clients, minted and checked without the store.
 *
 * The payload is MessagePack, `[nonce, API user id, expires_at, public key id]`; the MAC is HMAC-SHA256 over the ASCII text
 * before the second dot. `core/check.ts` decides whether the key behind a token is still active.
 */

/** A token's contents. Four unsigned 32-bit integers. */
export interface TokenClaims {
  /** 32 random bits, so that two tokens minted in one second differ. */
  readonly nonce: number;
  readonly userId: number;
  /** Whole seconds since the epoch. The token is valid while now < this, and invalid at equality. */
  readonly expiresAtSeconds: number;
  readonly keyId: number;
}

/** The maximum length of a token: ten digits, then 21 bytes of payload and 32 of MAC in base64url. */
export const TOKEN_CHARACTERS_MAX = 10 + 1 + 28 + 1 + 43;

const MAC_CHARACTERS = 43;
const FIXARRAY_OF_FOUR = 0x94;
const UINT8 = 0xcc;
const UINT16 = 0xcd;
const UINT32 = 0xce;
const UINT32_MAX = 0xffff_ffff;

/** Writes the claims as MessagePack, each integer in its shortest form, in base64url. */
export function encodePayload(claims: TokenClaims): string {
  const bytes = Buffer.allocUnsafe(21);
  bytes[0] = FIXARRAY_OF_FOUR;
  let end = writeUnsigned(bytes, 1, claims.nonce);
  end = writeUnsigned(bytes, end, claims.userId);
  end = writeUnsigned(bytes, end, claims.expiresAtSeconds);
  end = writeUnsigned(bytes, end, claims.keyId);
  return bytes.toString("base64url", 0, end);
}

/** Parses a payload; `undefined` for anything but the canonical form that {@link encodePayload} writes. */
export function decodePayload(text: string): TokenClaims | undefined {
  const bytes = Buffer.from(text, "base64url");
  if (bytes[0] !== FIXARRAY_OF_FOUR) return undefined;
  const values: number[] = [];
  let at = 1;
  for (let field = 0; field < 4; field++) {
    const first = bytes[at];
    if (first === undefined) return undefined;
    const size = first <= 0x7f ? 0 : first === UINT8 ? 1 : first === UINT16 ? 2 : first === UINT32 ? 4 : undefined;
    if (size === undefined || at + 1 + size > bytes.length) return undefined;
    values.push(size === 0 ? first : bytes.readUIntBE(at + 1, size));
    at += 1 + size;
  }
  const [nonce, userId, expiresAtSeconds, keyId] = values as [number, number, number, number];
  const claims = { nonce, userId, expiresAtSeconds, keyId };
  // Each value has one form: no longer integer encodings, no trailing bytes, no other base64url of the same bytes.
  return encodePayload(claims) === text ? claims : undefined;
}

/** The parts of a token whose MAC hasn't been verified yet. */
export interface UnverifiedToken {
  readonly signingKeyNumber: number;
  /** The ASCII text that the MAC covers. */
  readonly signedText: string;
  readonly unverifiedPayload: string;
  readonly unverifiedMac: string;
}

/** Splits a token's text; `undefined` if it doesn't have a token's form. The payload isn't parsed. */
export function splitToken(text: string): UnverifiedToken | undefined {
  if (text.length > TOKEN_CHARACTERS_MAX) return undefined;
  const firstDot = text.indexOf(".");
  const secondDot = text.indexOf(".", firstDot + 1);
  if (firstDot < 1 || secondDot < 0 || text.length - secondDot - 1 !== MAC_CHARACTERS) return undefined;
  const number = text.slice(0, firstDot);
  if (!/^[1-9][0-9]{0,9}$/.test(number)) return undefined;
  return {
    signingKeyNumber: Number(number),
    signedText: text.slice(0, secondDot),
    unverifiedPayload: text.slice(firstDot + 1, secondDot),
    unverifiedMac: text.slice(secondDot + 1),
  };
}

function writeUnsigned(bytes: Buffer, at: number, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > UINT32_MAX) {
    throw new RangeError("a token holds unsigned 32-bit integers only");
  }
  if (value <= 0x7f) return bytes.writeUInt8(value, at);
  if (value <= 0xff) return bytes.writeUInt8(value, bytes.writeUInt8(UINT8, at));
  if (value <= 0xffff) return bytes.writeUInt16BE(value, bytes.writeUInt8(UINT16, at));
  return bytes.writeUInt32BE(value, bytes.writeUInt8(UINT32, at));
}
