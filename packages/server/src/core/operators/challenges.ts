import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto";
import type { Clock, Random } from "../surroundings.ts";
import type { OperatorId } from "./model.ts";

/** How long a challenge may be answered, in milliseconds. */
export const CHALLENGE_MS = 300_000;

const NONCE_BYTES = 16;
const EXPIRY_BYTES = 6;
const MAC_BYTES = 32;
const CHALLENGE_BYTES = NONCE_BYTES + EXPIRY_BYTES + MAC_BYTES;

/** What a challenge is for. An answer is valid for the challenge's own purpose only. */
export type ChallengePurpose =
  | { readonly kind: "sign-in" }
  | { readonly kind: "single-sign-on" }
  | { readonly kind: "passkey"; readonly operatorId: OperatorId }
  | { readonly kind: "link"; readonly secretHash: string };

/** A challenge of this service that hasn't expired. The transaction that accepts an answer marks it as used, by its hash. */
export interface OpenChallenge {
  readonly hash: string;
  readonly expiresAtMs: number;
}

/**
 * Challenges, which aren't stored until they are answered, so that a client may ask for any number. Each is 16 random bytes, its
 * expiry (milliseconds since the epoch, 6 bytes), and an HMAC-SHA256 over both and the purpose.
 */
export interface Challenges {
  make(purpose: ChallengePurpose): Buffer;
  /** @returns `undefined` for a challenge of another service or purpose, or an expired one; at equality it has expired */
  check(challenge: Uint8Array, purpose: ChallengePurpose): OpenChallenge | undefined;
  /** A name for an e-mail address that doesn't reveal it (WebAuthn §5.4.3, user handles). */
  userHandle(email: string): Buffer;
  /** The name under which attempts to sign in are counted, in hex. It doesn't reveal what was typed, which may be a password. */
  attemptName(email: string): string;
}

/** @param masterSecrets newest first; challenges made under any of them are valid */
export function createChallenges(
  masterSecrets: readonly [Buffer, ...Buffer[]],
  clock: Clock,
  random: Random,
): Challenges {
  const [newest, ...older] = masterSecrets;
  const newestKey = deriveKey(newest);
  const keys = [newestKey, ...older.map(deriveKey)];
  return {
    make(purpose) {
      const expiry = Buffer.alloc(EXPIRY_BYTES);
      expiry.writeUIntBE(clock.wallMs() + CHALLENGE_MS, 0, EXPIRY_BYTES);
      const head = Buffer.concat([random.bytes(NONCE_BYTES), expiry]);
      return Buffer.concat([head, macOf(newestKey, head, purpose)]);
    },
    check(challenge, purpose) {
      if (challenge.length !== CHALLENGE_BYTES) return undefined;
      const bytes = Buffer.from(challenge);
      const head = bytes.subarray(0, NONCE_BYTES + EXPIRY_BYTES);
      const mac = bytes.subarray(NONCE_BYTES + EXPIRY_BYTES);
      if (!keys.some((key) => timingSafeEqual(mac, macOf(key, head, purpose)))) return undefined;
      const expiresAtMs = head.readUIntBE(NONCE_BYTES, EXPIRY_BYTES);
      if (expiresAtMs <= clock.wallMs()) return undefined;
      return { hash: createHash("sha256").update(bytes).digest("hex"), expiresAtMs };
    },
    userHandle: (email) => createHmac("sha256", newestKey).update(`user-handle:${email}`).digest(),
    attemptName: (email) => createHmac("sha256", newestKey).update(`attempt:${email}`).digest("hex"),
  };
}

function deriveKey(masterSecret: Buffer): KeyObject {
  const derived = hkdfSync("sha256", masterSecret, "", "countersign/operator-challenges/v1", 32);
  return createSecretKey(Buffer.from(derived));
}

function macOf(key: KeyObject, head: Uint8Array, purpose: ChallengePurpose): Buffer {
  return createHmac("sha256", key).update("challenge:").update(head).update(purposeText(purpose)).digest();
}

function purposeText(purpose: ChallengePurpose): string {
  switch (purpose.kind) {
    case "sign-in":
    case "single-sign-on":
      return purpose.kind;
    case "passkey":
      return `passkey:${purpose.operatorId}`;
    case "link":
      return `link:${purpose.secretHash}`;
    default:
      throw new Error("a challenge has a purpose that doesn't exist");
  }
}
