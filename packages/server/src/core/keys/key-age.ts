import type { Account } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { EXPIRY_MS_MAX } from "../expiry.ts";
import { fieldRefusal } from "../refusal.ts";
import type { PublicKey } from "./model.ts";

/** When a key was added, and when it expires. */
type Life = Pick<PublicKey, "createdAtMs" | "expiresAtMs">;

/** The maximum age of an account's keys, in milliseconds: the smaller of the service's and the account's; `null` if neither has one. */
export function keyAgeMaxMs(
  serviceMs: number | null,
  { keyAgeMaxSeconds }: Pick<Account, "keyAgeMaxSeconds">,
): number | null {
  if (keyAgeMaxSeconds === null) return serviceMs;
  return Math.min(serviceMs ?? Number.POSITIVE_INFINITY, keyAgeMaxSeconds * 1000);
}

/** Can the key get older than the maximum age, because its expiry is later or missing? If both are equal, it can't. */
export function exceedsKeyAge({ createdAtMs, expiresAtMs }: Life, maxMs: number | null): boolean {
  return maxMs !== null && (expiresAtMs ?? Number.POSITIVE_INFINITY) > createdAtMs + maxMs;
}

/**
 * Applies the maximum age of an account's keys to a new key.
 *
 * @param account the account's shortname
 * @returns the expiry that was asked for; without one, the latest that is allowed, or `null` if there is no maximum age
 * @throws {Refusal} `field_invalid` if it is later than allowed
 */
export async function limitNewKeyAge(tx: ChangeTx, account: string, life: Life): Promise<number | null> {
  const maxMs = await findKeyAgeMaxMs(tx, account);
  if (maxMs === null || !exceedsKeyAge(life, maxMs)) return life.expiresAtMs;
  const latestMs = Math.min(life.createdAtMs + maxMs, EXPIRY_MS_MAX);
  if (life.expiresAtMs !== null) throw tooLate(latestMs);
  return latestMs;
}

/**
 * Checks another expiry of an existing key against the maximum age of its account's keys. An earlier expiry than before is always
 * allowed: a key that was added before there was a maximum age can be phased out.
 *
 * @param account the account's shortname
 * @throws {Refusal} `field_invalid` if the expiry is later than allowed, or missing though there is a maximum age
 */
export async function checkKeyAge(tx: ChangeTx, account: string, key: Life, expiresAtMs: number | null): Promise<void> {
  if (expiresAtMs !== null && expiresAtMs < (key.expiresAtMs ?? Number.POSITIVE_INFINITY)) return;
  const maxMs = await findKeyAgeMaxMs(tx, account);
  if (maxMs === null || !exceedsKeyAge({ ...key, expiresAtMs }, maxMs)) return;
  throw tooLate(key.createdAtMs + maxMs);
}

async function findKeyAgeMaxMs({ accounts, policy }: ChangeTx, account: string): Promise<number | null> {
  return keyAgeMaxMs(policy.keyAgeMaxMs, (await accounts.find(account)) ?? { keyAgeMaxSeconds: null });
}

function tooLate(latestMs: number) {
  const latest = new Date(latestMs).toISOString();
  const message = `The key's expiry is beyond the maximum age of the account's keys: this key can't expire later than ${latest}.`;
  return fieldRefusal("field_invalid", message, "expires_at");
}
