import { isExpired } from "../expiry.ts";
import type { KeyId, KeyStatus } from "../keys/model.ts";
import type { UnverifiedObject } from "./parse-jws.ts";
import { SIGNATURE_CHECKS_MAX } from "./verify-signature.ts";

/** The properties that decide whether a key is tried. */
export interface CandidateKey {
  readonly id: KeyId;
  readonly thumbprint: string;
  readonly status: KeyStatus;
  readonly expiresAtMs: number | null;
}

/**
 * The keys to try against a signature, in order, at most {@link SIGNATURE_CHECKS_MAX}.
 *
 * A `kid` that equals the id or RFC 7638 thumbprint of one of the user's keys selects only that key; any other `kid` is ignored.
 * Without one, the candidates are the keys whose signatures have this length: first usable ones (active and not expired), then the
 * others, revoked ones last, and newest first within each group. So while a key is being replaced, both the old and the new one are
 * tried, even if older keys were never removed. Unusable keys are tried in order to name the reason for the refusal
 * (`key_deactivated`, `key_expired`).
 */
export function candidateKeys<Key extends CandidateKey>(
  keys: readonly Key[],
  { kid }: UnverifiedObject,
  hasLength: (key: Key) => boolean,
  nowMs: number,
): readonly Key[] {
  const named =
    typeof kid === "string" ? keys.find((key) => kid === key.thumbprint || kid === String(key.id)) : undefined;
  if (named !== undefined) return [named];
  // The fast path, for nearly every user.
  if (keys.length === 1) return keys;
  return keys
    .filter(hasLength)
    .sort((a, b) => rankOf(a, nowMs) - rankOf(b, nowMs) || b.id - a.id)
    .slice(0, SIGNATURE_CHECKS_MAX);
}

function rankOf(key: CandidateKey, nowMs: number): number {
  if (isUsable(key, nowMs)) return 0;
  return key.status === "revoked" ? 2 : 1;
}

/** Is the key itself, regardless of its user and account, active and not expired? */
export function isUsable(key: Pick<CandidateKey, "status" | "expiresAtMs">, nowMs: number): boolean {
  return key.status === "active" && !isExpired(key, nowMs);
}
