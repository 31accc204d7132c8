import { hkdfSync } from "node:crypto";
import type { Random } from "../surroundings.ts";
import type { StoredSecret } from "./model.ts";

const SALT_BYTES = 16;
const SECRET_BYTES = 32;
const FINGERPRINT_BYTES = 8;

/** A new secret, as the store keeps it. */
export function makeStoredSecret(masterSecret: Buffer, random: Random): StoredSecret {
  const salt = random.bytes(SALT_BYTES).toString("hex");
  return { salt, fingerprint: fingerprint(masterSecret, salt) };
}

/**
 * Derives an endpoint's secret: HKDF-SHA256 (RFC 5869) of the master secret, with the stored salt. The salt is random, not a number:
 * a store that was restored would give a number again, and with it a secret that was handed out before.
 *
 * @param masterSecrets the configured ones; the fingerprint tells which of them it is
 * @returns `undefined` if it derives from none of them
 */
export function deriveSecret(masterSecrets: readonly Buffer[], stored: StoredSecret): Buffer | undefined {
  const masterSecret = masterSecrets.find((secret) => fingerprint(secret, stored.salt) === stored.fingerprint);
  return masterSecret && derive(masterSecret, stored.salt, "webhook-secret", SECRET_BYTES);
}

/** A secret in the form in which receivers configure it (Standard Webhooks, "Signature scheme"). */
export function formatSecret(secret: Buffer): string {
  return `whsec_${secret.toString("base64")}`;
}

function fingerprint(masterSecret: Buffer, salt: string): string {
  return derive(masterSecret, salt, "webhook-secret-fingerprint", FINGERPRINT_BYTES).toString("hex");
}

function derive(masterSecret: Buffer, salt: string, label: string, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", masterSecret, Buffer.from(salt, "hex"), `countersign/${label}/v1`, length));
}
