import { createHmac } from "node:crypto";
import { createChallengeIssuer, deriveChallengeKeys } from "../challenges/challenge-issuer.ts";
import type { OpenChallenge } from "../challenges/store.ts";
import type { Clock, Random } from "../surroundings.ts";
import type { OperatorId } from "./model.ts";

/** How long a challenge may be answered, in milliseconds. */
export const CHALLENGE_MS = 300_000;

/** What a challenge is for. An answer is valid for the challenge's own purpose only. */
export type ChallengePurpose =
  | { readonly kind: "sign-in" }
  | { readonly kind: "single-sign-on" }
  | { readonly kind: "passkey"; readonly operatorId: OperatorId }
  | { readonly kind: "link"; readonly secretHash: string };

/** The challenges that operators answer when they sign in or set up a passkey. */
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
  const keys = deriveChallengeKeys(masterSecrets, "countersign/operator-challenges/v1");
  const issuer = createChallengeIssuer(keys, CHALLENGE_MS, clock, random);
  const [newestKey] = keys;
  return {
    make: (purpose) => issuer.make(purposeText(purpose)).challenge,
    check(challenge, purpose) {
      const checked = issuer.check(challenge, purposeText(purpose));
      return typeof checked === "string" ? undefined : checked;
    },
    userHandle: (email) => createHmac("sha256", newestKey).update(`user-handle:${email}`).digest(),
    attemptName: (email) => createHmac("sha256", newestKey).update(`attempt:${email}`).digest("hex"),
  };
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
