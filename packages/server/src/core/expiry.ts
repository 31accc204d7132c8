import { fieldRefusal } from "./refusal.ts";

/** The latest instant that an expiry may name: the last that a token's `expires_at` can. */
const EXPIRY_MS_MAX = 0xffff_ffff * 1000;

/**
 * Checks an expiry that a request sets.
 *
 * @param what the start of the message, such as `The expiry`
 * @param expiresAtMs milliseconds since the epoch; `null`: never
 * @throws {Refusal} `field_invalid` unless it lies in the future; at equality it doesn't
 */
export function checkExpiry(what: string, expiresAtMs: number | null, nowMs: number): void {
  // Negated, so that NaN is refused too: stored, it would be NULL, which never expires.
  if (expiresAtMs !== null && !(expiresAtMs > nowMs && expiresAtMs <= EXPIRY_MS_MAX)) {
    throw fieldRefusal("field_invalid", `${what} must lie ahead, and before the year 2106.`, "expires_at");
  }
}

/** Has an expiry passed? At equality it has. `null`: it never does. */
export function isExpired({ expiresAtMs }: { readonly expiresAtMs: number | null }, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
