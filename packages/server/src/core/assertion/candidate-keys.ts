import { isExpired } from "../expiry.ts";
import type { KeyId, KeyStatus } from "../keys/model.ts";
import type { UnverifiedObject } from "./parse-assertion.ts";
import { SIGNATURE_CHECKS_MAX } from "./verify-signature.ts";

/** What decides whether a key is tried. */
export interface CandidateKey {
  readonly id: KeyId;
  readonly thumbprint: string;
  readonly status: KeyStatus;
  readonly expiresAtMs: number | null;
}

/**
 * The keys that are tried against a signature, at most {@link SIGNATURE_CHECKS_MAX}, in the order in which they are.
 *
 * A `kid` that equals the id or RFC 7638 thumbprint of one of the user's keys selects that key alone; any other `kid` is ignored. Without
 * one, of the keys whose signatures have this length: first those that may be used (active and not expired), then the others, revoked ones
 * last; of each, the newest first. So while a key is replaced, the old one and the new one are tried, even where older ones were forgotten. Those
 * that may not be used are tried to be refused by name (`key_deactivated`, `key_expired`).
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
  // Nearly every user.
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

/** May assertions be signed with it, as far as the key itself goes? */
export function isUsable(key: Pick<CandidateKey, "status" | "expiresAtMs">, nowMs: number): boolean {
  return key.status === "active" && !isExpired(key, nowMs);
}
