import type { PageKey } from "../store/page.ts";
import type { PublicKey } from "./model.ts";
import type { KeyFilter, KeyOrder } from "./store.ts";

/** Keys that expire come by their expiry, unused ones by the day of their last use; all others, newest first. */
export function keyOrder({ expiringUntilMs, unusedSinceMs }: KeyFilter): KeyOrder {
  if (expiringUntilMs !== undefined) return "expiry";
  return unusedSinceMs === undefined ? "newest" : "idle";
}

/** A key's place in the list. */
export function keyPlace(filter: KeyFilter): (key: PublicKey) => PageKey {
  const order = keyOrder(filter);
  if (order === "newest") return ({ id }) => [id];
  return ({ id, expiresAtMs, idleSinceDay }) => [order === "expiry" ? (expiresAtMs ?? 0) : idleSinceDay, id];
}
