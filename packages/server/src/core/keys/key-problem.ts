import type { Standing } from "../standing.ts";
import { isExpired } from "../expiry.ts";
import type { KeyStatus } from "./model.ts";

/** Why a key can't be used now. For the same reasons, tokens minted under it are inactive. */
export type KeyProblem = "key_deactivated" | "key_revoked" | "key_expired" | "user_deactivated" | "account_deactivated";

/** The properties that decide whether a key can be used. */
export interface KeyStanding {
  readonly status: KeyStatus;
  readonly expiresAtMs: number | null;
  readonly user: { readonly status: Standing; readonly accountStatus: Standing };
}

/** The first reason why the key can't be used: the key, then its user, then the account. At the instant of its expiry it has expired. */
export function findKeyProblem(key: KeyStanding, nowMs: number): KeyProblem | undefined {
  if (key.status === "revoked") return "key_revoked";
  if (key.status === "deactivated") return "key_deactivated";
  if (isExpired(key, nowMs)) return "key_expired";
  if (key.user.status !== "active") return "user_deactivated";
  if (key.user.accountStatus !== "active") return "account_deactivated";
  return undefined;
}
