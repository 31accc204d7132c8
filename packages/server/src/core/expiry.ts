/** The latest instant that an expiry may name: the last that a token's `expires_at` can. */
const EXPIRY_MS_MAX = 0xffff_ffff * 1000;

/**
 * @param what whose expiry it is, as the message begins
 * @param expiresAtMs milliseconds since the epoch; `null`: never
 * @throws {Refusal} `field_invalid` where it doesn't lie ahead; at equality it doesn't
 */
export function checkExpiry(what: string, expiresAtMs: number | null, nowMs: number): void {
  // Negated, so that NaN is refused too: stored, it would be NULL, which never expires.
  if (expiresAtMs !== null && !(expiresAtMs > nowMs && expiresAtMs <= EXPIRY_MS_MAX)) {
    throw fieldRefusal("field_invalid", `${what} must lie ahead, and before the year 2106.`, "expires_at");
  }
}
import { fieldRefusal } from "./refusal.ts";
