/**
 * Challenges: random bytes that this service hands out and that come back inside an answer, which proves that the answer is fresh and
 * was made for this service. What an answer is (a passkey's, a key's) is known only to the folders that use challenges.
 */
import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto";
import type { Clock, Random } from "../surroundings.ts";
import type { OpenChallenge } from "./store.ts";

const NONCE_BYTES = 16;
const EXPIRY_BYTES = 6;
const MAC_BYTES = 32;
const HEAD_BYTES = NONCE_BYTES + EXPIRY_BYTES;
export const CHALLENGE_BYTES = HEAD_BYTES + MAC_BYTES;

/** The keys that authenticate challenges: new ones under the first, and any of them is accepted. */
export type ChallengeKeys = readonly [KeyObject, ...KeyObject[]];

/** What a challenge turned out to be: open, expired, or not one of this service for this purpose. */
export type CheckedChallenge = OpenChallenge | "expired" | "unknown";

/**
 * Makes and checks challenges. They aren't stored until they are answered, so a client may ask for any number. Each is 16 random
 * bytes, its expiry (milliseconds since the epoch, 6 bytes), and an HMAC-SHA256 over both and the purpose.
 */
export interface ChallengeIssuer {
  make(purpose: string): { readonly challenge: Buffer; readonly expiresAtMs: number };
  /** At its expiry, a challenge has expired. */
  check(challenge: Uint8Array, purpose: string): CheckedChallenge;
}

/**
 * Derives the keys of challenges (HKDF-SHA256).
 *
 * @param masterSecrets newest first
 * @param label separates the keys of one kind of challenge from all others
 */
export function deriveChallengeKeys(masterSecrets: readonly [Buffer, ...Buffer[]], label: string): ChallengeKeys {
  const derive = (masterSecret: Buffer) =>
    createSecretKey(Buffer.from(hkdfSync("sha256", masterSecret, "", label, MAC_BYTES)));
  const [newest, ...older] = masterSecrets;
  return [derive(newest), ...older.map(derive)];
}

/** @param lifetimeMs how long a challenge may be answered, in milliseconds */
export function createChallengeIssuer(
  keys: ChallengeKeys,
  lifetimeMs: number,
  clock: Clock,
  random: Random,
): ChallengeIssuer {
  return {
    make(purpose) {
      const expiresAtMs = clock.wallMs() + lifetimeMs;
      const expiry = Buffer.alloc(EXPIRY_BYTES);
      expiry.writeUIntBE(expiresAtMs, 0, EXPIRY_BYTES);
      const head = Buffer.concat([random.bytes(NONCE_BYTES), expiry]);
      return { challenge: Buffer.concat([head, macOf(keys[0], head, purpose)]), expiresAtMs };
    },
    check(challenge, purpose) {
      if (challenge.length !== CHALLENGE_BYTES) return "unknown";
      const bytes = Buffer.from(challenge);
      const head = bytes.subarray(0, HEAD_BYTES);
      const mac = bytes.subarray(HEAD_BYTES);
      if (!keys.some((key) => timingSafeEqual(mac, macOf(key, head, purpose)))) return "unknown";
      const expiresAtMs = head.readUIntBE(NONCE_BYTES, EXPIRY_BYTES);
      if (expiresAtMs <= clock.wallMs()) return "expired";
      return { hash: createHash("sha256").update(bytes).digest("hex"), expiresAtMs };
    },
  };
}

function macOf(key: KeyObject, head: Uint8Array, purpose: string): Buffer {
  return createHmac("sha256", key).update("challenge:").update(head).update(purpose).digest();
}
