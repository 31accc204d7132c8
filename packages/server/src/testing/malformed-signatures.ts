import { constants, createHash, type KeyObject, privateEncrypt } from "node:crypto";

/** DigestInfo of SHA-256 up to the hash itself, in DER (RFC 8017 §9.2, note 1). */
const SHA256_PREFIX = Buffer.from("3031300d060960864801650304020105000420", "hex");

/** A signature by the raw RSA operation on a block that the test chose: what a broken or hostile signer would send. */
export function signBlock(privateKey: KeyObject, block: Buffer): Buffer {
  return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block);
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): `00 01 FF … FF 00`, then `content`, in `length` bytes. */
export function paddedBlock(content: Buffer, length: number, { blockType = 1, fill = 0xff } = {}): Buffer {
  const padding = Buffer.alloc(length - content.length - 3, fill);
  return Buffer.concat([Buffer.from([0, blockType]), padding, Buffer.from([0]), content]);
}

/** The one right content for RS256: the DigestInfo with the hash of `text`. */
export function digestInfo(text: string): Buffer {
  return Buffer.concat([SHA256_PREFIX, sha256(text)]);
}

/**
 * Encodings of the right hash that RFC 8017 §8.2.2 doesn't allow. Verifiers that parse the block instead of comparing it
 * were fooled by each of these (Bleichenbacher 2006, CVE-2006-4339, CVE-2014-1568, CVE-2018-16152).
 */
export function malformedBlocks(text: string, length: number): readonly (readonly [name: string, block: Buffer])[] {
  const hash = sha256(text);
  const hex = (digits: string) => Buffer.concat([Buffer.from(digits, "hex"), hash]);
  const right = digestInfo(text);
  const shortPadding = (tail: Buffer) =>
    Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(8, 0xff), Buffer.from([0]), right, tail]);
  const garbageLength = length - 2 - 8 - 1 - right.length;
  const corrupt = (block: Buffer, at: number, byte: number) => {
    const changed = Buffer.from(block);
    changed[at] = byte;
    return changed;
  };
  const good = paddedBlock(right, length);
  return [
    [
      "the NULL of the algorithm's parameters is missing",
      paddedBlock(hex("302f300b06096086480165030402010420"), length),
    ],
    ["garbage behind the hash and short padding", shortPadding(Buffer.alloc(garbageLength, 0x55))],
    ["zeros behind the hash and short padding", shortPadding(Buffer.alloc(garbageLength, 0))],
    ["one byte of garbage behind the hash", paddedBlock(Buffer.concat([right, Buffer.from([0])]), length)],
    [
      "garbage in the algorithm's parameters",
      paddedBlock(hex("3039301506096086480165030402010408aaaaaaaaaaaaaaaa0420"), length),
    ],
    ["the digest's identifier is SHA-1's", paddedBlock(hex("302d300906052b0e03021a05000420"), length)],
    ["the digest's identifier is SHA-384's", paddedBlock(hex("3031300d060960864801650304020205000420"), length)],
    ["an outer length in BER's long form", paddedBlock(hex("308131300d060960864801650304020105000420"), length)],
    ["an inner length in BER's long form", paddedBlock(hex("303230810d060960864801650304020105000420"), length)],
    ["the hash's length in BER's long form", paddedBlock(hex("3032300d06096086480165030402010500048120"), length)],
    [
      "an indefinite length",
      paddedBlock(Buffer.concat([hex("3080300d060960864801650304020105000420"), Buffer.alloc(2)]), length),
    ],
    ["no DigestInfo, only the hash", paddedBlock(hash, length)],
    ["block type 02", paddedBlock(right, length, { blockType: 2 })],
    ["block type 00", paddedBlock(right, length, { blockType: 0 })],
    ["padding of zeros", paddedBlock(right, length, { fill: 0 })],
    ["padding that isn't FF", paddedBlock(right, length, { fill: 0xfe })],
    ["one padding byte that isn't FF", corrupt(good, 100, 0xfe)],
    ["a first byte that isn't zero", corrupt(good, 0, 1)],
    ["no zero before the DigestInfo", corrupt(good, length - right.length - 1, 0xff)],
    ["an altered hash", corrupt(good, length - 1, (good[length - 1] ?? 0) ^ 1)],
    ["nothing but zeros", Buffer.alloc(length)],
    ["the number one", corrupt(Buffer.alloc(length), length - 1, 1)],
  ];
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
