/**
 * Keys that a client brings to the service: proofs that it holds a new key, and the rotation from its key to a new one.
 */
import { KEY_CHALLENGE_SECONDS, KEY_CHALLENGES_PATH, KEY_PROOF_TYPE } from "@countersign/protocol";
import type { SigningKey } from "../key/load-signing-key.ts";
import type { Call } from "../request/send.ts";
import { signJws } from "../sign-jws.ts";

export interface ProveKeyOptions {
  /** A nonce of the service's, such as `countersign key challenge` prints. Default: the service is asked for one. */
  readonly nonce?: string | undefined;
  /** The service's public URL, as it knows itself. Default: `baseUrl`. */
  readonly audience?: string | undefined;
}

/** A nonce for one proof. */
export interface KeyChallenge {
  readonly nonce: string;
  /** When the service handed it out, in seconds since the epoch by its own clock. */
  readonly issuedAtSeconds: number;
}

/** Longest nonce that is signed, in characters. The service's own have 72. */
const NONCE_CHARACTERS_MAX = 512;

/** Asks for a nonce. The service keeps nothing of it. */
export const KEY_CHALLENGE_CALL: Call<KeyChallenge> = {
  async begin() {
    return async () => ({ target: KEY_CHALLENGES_PATH, init: { method: "POST" }, secrets: [] });
  },
  read({ status, data }) {
    const { nonce, expires_at: expiresAt } = data;
    if (status !== 200 || typeof expiresAt !== "number" || typeof nonce !== "string") return undefined;
    if (!/^[\w-]+$/.test(nonce) || nonce.length > NONCE_CHARACTERS_MAX) return undefined;
    return { nonce, issuedAtSeconds: Math.floor(expiresAt - KEY_CHALLENGE_SECONDS) };
  },
};

/**
 * A proof of possession: a JWS by a new key over the service, the user and a nonce.
 *
 * @param audience the service's public URL
 * @throws {CountersignError} `key_unusable`
 */
export async function signKeyProof(
  newKey: SigningKey,
  audience: string,
  username: string,
  { nonce, issuedAtSeconds }: KeyChallenge,
): Promise<string> {
  return await signJws(newKey, KEY_PROOF_TYPE, { aud: audience, sub: username, nonce, iat: issuedAtSeconds });
}
