import { createHash } from "node:crypto";
import { ISSUED_AT_SECONDS_MAX } from "@countersign/protocol";
import type { Audiences } from "../assertion/check-claims.ts";
import type { FindSigner } from "../assertion/find-signer.ts";
import type { Commit } from "../change/commit.ts";
import type { OpenChallenge } from "../challenges/store.ts";
import type { FindSource } from "../check-source.ts";
import { ExchangeAttempt, runExchangeSteps } from "../exchange.ts";
import type { KeyProofs } from "../key-statements/key-proofs.ts";
import { type ParsedKey, parsePublicKey } from "../keys/admission.ts";
import type { AdmitKey } from "../keys/admit-key.ts";
import { checkDisplayText } from "../names.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";
import type { ViewKey } from "../view/view-user.ts";
import {
  findRotatedIn,
  repeatedRotation,
  rotate,
  type Rotation,
  rotationAuthor,
  rotationNotAllowed,
} from "./rotate.ts";

/** What a client sends beside its assertion. */
export interface RotationRequest {
  /** In any of the usual forms. */
  readonly publicKey: string;
  /** The new key's proof of possession. */
  readonly proof: string;
  readonly label: string | undefined;
  readonly overlapSeconds: number;
  /** The client's address. */
  readonly client: string;
  readonly findSource: FindSource;
}

/** Rotates in a key; the result of {@link BeginRotation}. */
export type CompleteRotation = (request: RotationRequest) => Promise<Rotation>;

/**
 * Begins the rotation of a key with the checks of the `Authorization` header that cost nothing, so that a request without a plausible
 * assertion is refused before its body is read. They are those of the exchange, with an `aud` that must name this endpoint.
 *
 * The rotation itself verifies the signature, the key's standing and its networks, the user's permission, the new key and its proof.
 * An assertion rotates at most one key in. A request that repeats a rotation, with the same new key by the same old key, gets the same
 * answer and changes nothing: so a client whose answer was lost may ask again.
 *
 * @throws {Refusal} the exchange's codes; `rotation_not_allowed`, `key_rejected`, `key_weak`, `private_key_exposed`,
 *   `key_proof_invalid`, `assertion_replayed`, `field_invalid`, `conflict`, `rate_limited`, `unavailable`
 */
export type BeginRotation = (authorization: string | undefined) => CompleteRotation;

export interface RotationDependencies {
  /** Shared with the other endpoints that take assertions. */
  readonly findSigner: FindSigner;
  readonly clock: Clock;
  readonly audiences: Audiences;
  readonly keyProofs: Pick<KeyProofs, "verify">;
  readonly admitKey: AdmitKey;
  readonly store: Pick<Store, "keys">;
  readonly commit: Commit;
}

export function createBeginRotation(dependencies: RotationDependencies): BeginRotation {
  const { findSigner, clock, audiences, keyProofs, admitKey, store, commit } = dependencies;

  return (authorization) => {
    const nowMicroseconds = clock.nowMicroseconds();
    const attempt = new ExchangeAttempt(authorization, nowMicroseconds / 1e6, audiences);
    runExchangeSteps(attempt);
    const { assertion, algorithm, claims } = attempt;

    return async ({ publicKey, proof: proofText, label, overlapSeconds, client, findSource }) => {
      const nowMs = nowMicroseconds / 1000;
      const signer = await findSigner(assertion, algorithm, claims.username, nowMs, client, findSource);
      if (!signer.user.mayRotate) throw rotationNotAllowed();
      // Here too, so that no request costs an examination for a label that can't be stored.
      if (label !== undefined) checkDisplayText("label", label);
      const parsed = parsePublicKey(publicKey);
      const { username } = signer.user;
      const proof = await keyProofs.verify({ text: proofText, username, key: parsed });
      const repeated = await findRepeated(signer, parsed);
      if (repeated !== undefined) return repeated;
      const admitted = await admitKey(parsed, username);
      const rotation = {
        from: signer.id,
        assertion: usedAssertion(assertion.signature, claims.issuedAtSeconds),
        admitted,
        proof,
        label,
        overlapSeconds,
      };
      return (await commit((tx) => rotate(tx, rotation), { author: rotationAuthor(signer.id) })).result;
    };
  };

  async function findRepeated({ id }: ViewKey, parsed: ParsedKey): Promise<Rotation | undefined> {
    const children = await store.keys.listRotatedFrom(id);
    const key = findRotatedIn(children, parsed);
    const previous = key && (await store.keys.find(id));
    return key && previous && repeatedRotation(key, previous, children);
  }
}

/**
 * How an assertion that has rotated in a key is remembered: by its signature, because it has no `jti`, and among the answered
 * challenges, which are kept until they expire.
 */
function usedAssertion(signature: Buffer, issuedAtSeconds: number): OpenChallenge {
  const hash = createHash("sha256").update("rotation").update(signature).digest("hex");
  // From this instant on it is refused as stale.
  return { hash, expiresAtMs: Math.ceil((issuedAtSeconds + ISSUED_AT_SECONDS_MAX) * 1000) + 1 };
}
