import type { KeyId, PublicKey } from "../../../core/keys/model.ts";
import { canSee } from "../../../core/operators/authorize.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { Store } from "../../../core/store/store.ts";
import { notFound } from "../http/refusals.ts";

/** Loads a public key. @throws {Refusal} `not_found`, also if the caller can't see the key */
export async function loadKey(
  store: Pick<Store, "keys" | "users">,
  principal: Principal,
  keyId: number,
): Promise<PublicKey> {
  const key = await store.keys.find(keyId as KeyId);
  const user = key && (await store.users.find(key.username));
  if (key === undefined || user === undefined || !canSee(principal, user.accountId)) throw notFound();
  return key;
}
