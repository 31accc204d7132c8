/** DER of `SEQUENCE { OID rsaEncryption, NULL }` (RFC 3279 §2.3.1). */
const RSA_ALGORITHM = Buffer.from("300d06092a864886f70d0101010500", "hex");

/**
 * The modulus of an RSA key as the store has it: SubjectPublicKeyInfo in the DER that OpenSSL writes. It is much faster than parsing
 * the key. The result is big-endian, without leading zeros, and a part of `spki`.
 *
 * @returns `undefined` for bytes that aren't such a key
 */
export function modulusOfSpki(spki: Uint8Array): Uint8Array | undefined {
  const info = readElement(spki, 0, 0x30);
  if (info === undefined || Buffer.compare(info.subarray(0, RSA_ALGORITHM.length), RSA_ALGORITHM) !== 0) {
    return undefined;
  }
  const bits = readElement(info, RSA_ALGORITHM.length, 0x03);
  // The first byte of a bit string counts its unused bits.
  const key = bits?.[0] === 0 ? readElement(bits, 1, 0x30) : undefined;
  const modulus = key && readElement(key, 0, 0x02);
  return modulus?.subarray(modulus.findIndex((byte) => byte !== 0));
}

/** The contents of the DER element at `at`, if it is whole and has this tag. */
function readElement(bytes: Uint8Array, at: number, tag: number): Uint8Array | undefined {
  const first = bytes[at + 1];
  if (bytes[at] !== tag || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 3) return undefined;
  let length = lengthBytes === 0 ? first : 0;
  for (let index = 0; index < lengthBytes; index++) length = length * 256 + (bytes[at + 2 + index] ?? 0);
  const from = at + 2 + lengthBytes;
  return from + length <= bytes.length ? bytes.subarray(from, from + length) : undefined;
}
