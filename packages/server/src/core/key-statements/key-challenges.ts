import { KEY_CHALLENGE_SECONDS } from "@countersign/protocol";
import { type CheckedChallenge, createChallengeIssuer, deriveChallengeKeys } from "../challenges/challenge-issuer.ts";
import type { Clock, Random } from "../surroundings.ts";

/** A nonce for one proof of possession. */
export interface KeyChallenge {
  /** 72 characters of base64url. */
  readonly nonce: string;
  /** When it was handed out, in milliseconds since the epoch. */
  readonly issuedAtMs: number;
  /** Milliseconds since the epoch; at this instant it has expired. */
  readonly expiresAtMs: number;
}

/**
 * Hands out nonces and recognizes them, on every node that has the master secret. Nothing is stored until a key was added with one. A
 * nonce isn't bound to a user: the proof names the user, and is signed.
 */
export interface KeyChallenges {
  make(): KeyChallenge;
  /** @param nonce in its one canonical spelling; any other is unknown */
  check(nonce: string): CheckedChallenge;
}

const PURPOSE = "key-proof";

/** @param masterSecrets newest first; nonces made under any of them are known */
export function createKeyChallenges(
  masterSecrets: readonly [Buffer, ...Buffer[]],
  clock: Clock,
  random: Random,
): KeyChallenges {
  const keys = deriveChallengeKeys(masterSecrets, "countersign/key-challenges/v1");
  const issuer = createChallengeIssuer(keys, LIFETIME_MS, clock, random);
  return {
    make() {
      const { challenge, expiresAtMs } = issuer.make(PURPOSE);
      return { nonce: challenge.toString("base64url"), issuedAtMs: issuedAtMs(expiresAtMs), expiresAtMs };
    },
    check(nonce) {
      const bytes = Buffer.from(nonce, "base64url");
      return bytes.toString("base64url") === nonce ? issuer.check(bytes, PURPOSE) : "unknown";
    },
  };
}

const LIFETIME_MS = KEY_CHALLENGE_SECONDS * 1000;

/** When a nonce was handed out, in milliseconds since the epoch. */
export function issuedAtMs(expiresAtMs: number): number {
  return expiresAtMs - LIFETIME_MS;
}
