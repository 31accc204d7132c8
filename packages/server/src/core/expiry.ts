import { fieldRefusal } from "./refusal.ts";

/** The latest allowed expiry: the maximum of a token's `expires_at`. */
export const EXPIRY_MS_MAX = 0xffff_ffff * 1000;

/**
 * Checks an expiry that a request sets.
 *
 * @param what the start of the message, such as `The expiry`
 * @param expiresAtMs milliseconds since the epoch; `null`: never
 * @throws {Refusal} `field_invalid` unless it is later than now (equality is refused) and before the year 2106
 */
export function checkExpiry(what: string, expiresAtMs: number | null, nowMs: number): void {
  // Negated, so that NaN is refused too: it would be stored as NULL, which never expires.
  if (expiresAtMs !== null && !(expiresAtMs > nowMs && expiresAtMs <= EXPIRY_MS_MAX)) {
    throw fieldRefusal("field_invalid", `${what} must be in the future and before the year 2106.`, "expires_at");
  }
}

/** Has the expiry passed? At equality it has; `null` never expires. */
export function isExpired({ expiresAtMs }: { readonly expiresAtMs: number | null }, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
