import type { AccountId } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { canSee } from "../operators/authorize.ts";
import type { Refusal } from "../refusal.ts";
import type { ApiUser } from "../users/model.ts";
import type { AdmittedKey } from "./admit-key.ts";
import { keyWeak } from "./key-weak.ts";
import type { PublicKey } from "./model.ts";
import { modulusOfSpki } from "./weakness/modulus-of-spki.ts";
import { numberOf } from "./weakness/numbers.ts";
import { hasCommonFactor } from "./weakness/shared-prime.ts";

/**
 * How many keys a transaction compares a new key with: those that were added since it was examined. If there are more, the daily
 * search for shared primes compares the rest. A batch, which may itself be as many, is examined again instead.
 */
export const LATER_KEYS_MAX = 256;

/**
 * What makes a key weak because of the registry's other keys: its modulus was revoked, is registered, or shares a prime with one of
 * them. Transactions run one after the other, so of two that add the same modulus, on any nodes, one is refused.
 *
 * The refusal names the other key only if the author can see its account. Otherwise it has the same text whether the other key
 * belongs to another account or was revoked by a statement alone.
 */
export async function findRegisteredWeakness(
  tx: ChangeTx,
  admitted: AdmittedKey,
  user: ApiUser,
): Promise<Refusal | undefined> {
  const others = await tx.keys.findByModulusHash(admitted.modulusHash);
  const visible = await visibleOf(tx, others);
  const revoked = visible.find(({ status }) => status === "revoked");
  if (revoked !== undefined) {
    const problem = `this key was revoked (key ${revoked.id}), and a revoked key is never accepted again`;
    return keyWeak("revoked", problem);
  }
  const isRevoked = others.some(({ status }) => status === "revoked");
  if (isRevoked || (await tx.keys.isModulusRevoked(admitted.modulusHash))) return keyWeak("revoked");
  const own = visible.find(({ userId }) => userId === user.id);
  if (own !== undefined) return keyWeak("duplicate", `${user.username} has this key already: key ${own.id}`);
  const [other] = visible;
  if (other !== undefined) {
    return keyWeak("duplicate", `this key is registered already, for ${other.username}: key ${other.id}`);
  }
  if (others.length > 0) return keyWeak("duplicate");
  return admitted.sharesPrime || (await sharesPrimeWithLater(tx, admitted)) ? keyWeak("shared_prime") : undefined;
}

async function sharesPrimeWithLater(tx: ChangeTx, { modulus, comparedThrough }: AdmittedKey): Promise<boolean> {
  const later = await tx.keys.listModuli(comparedThrough, LATER_KEYS_MAX);
  const moduli = later.flatMap(({ spki }) => modulusOfSpki(spki) ?? []);
  return hasCommonFactor(numberOf(modulus), moduli.map(numberOf));
}

async function visibleOf(tx: ChangeTx, keys: readonly PublicKey[]): Promise<readonly PublicKey[]> {
  const visible: PublicKey[] = [];
  for (const key of keys) {
    const account = await accountOf(tx, key);
    if (account === undefined || canSee(tx.author, account)) visible.push(key);
  }
  return visible;
}

async function accountOf({ users }: ChangeTx, { username }: PublicKey): Promise<AccountId | undefined> {
  return (await users.find(username))?.accountId;
}
