/** Tokens such as the server mints, with any claims; independent of the server's sources. */
import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface MintedClaims {
  readonly userId: number;
  readonly keyId: number;
  /** Whole seconds since the epoch. */
  readonly expiresAt: number;
}

/** The random id of the SQLite store in a data folder, from which signing keys derive. */
export function readStoreId(dataDir: string): Buffer {
  const database = new DatabaseSync(join(dataDir, "countersign.db"), { readOnly: true, timeout: 10_000 });
  try {
    return Buffer.from(String(database.prepare("select id from store_identity").get()?.["id"]), "hex");
  } finally {
    database.close();
  }
}

/** A token under signing key 1 (docs/wire.md, Token; docs/adr/0024). */
export function mintToken(masterSecret: Buffer, storeId: Buffer, { userId, keyId, expiresAt }: MintedClaims): string {
  const nonce = randomBytes(4).readUInt32BE();
  const payload = Buffer.concat([Buffer.from([0x94]), ...[nonce, userId, expiresAt, keyId].map(integer)]);
  const signed = `1.${payload.toString("base64url")}`;
  const key = Buffer.from(hkdfSync("sha256", masterSecret, storeId, "countersign/signing-key/v2/1", 32));
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** An unsigned integer in MessagePack's shortest form. */
function integer(value: number): Buffer {
  if (value <= 0x7f) return Buffer.from([value]);
  const [prefix, size] = value <= 0xff ? [0xcc, 1] : value <= 0xffff ? [0xcd, 2] : [0xce, 4];
  const bytes = Buffer.alloc(1 + (size ?? 0), prefix);
  bytes.writeUIntBE(value, 1, size ?? 1);
  return bytes;
}
