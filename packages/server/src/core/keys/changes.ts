import type { AccountId } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { checkExpiry } from "../expiry.ts";
import { checkDisplayText } from "../names.ts";
import { parseNetworks } from "../networks.ts";
import { Refusal } from "../refusal.ts";
import { loadUser } from "../users/changes.ts";
import type { AdmittedKey } from "./admit-key.ts";
import { checkKeyAge, limitNewKeyAge } from "./key-age.ts";
import type { KeyId, KeyStatus, PublicKey } from "./model.ts";
import { findRegisteredWeakness } from "./registered-weakness.ts";
import { type KeyProof, useKeyProof } from "./possession.ts";

/** The maximum number of keys of one user that are neither revoked nor expired. */
export const USABLE_KEYS_PER_USER_MAX = 20;

/** A public key to add. `expiresInMs` counts from now, `expiresAtMs` from the epoch; at most one of them is given. */
export interface NewKey {
  readonly username: string;
  /** The result of an {@link AdmitKey}. */
  readonly admitted: AdmittedKey;
  readonly label?: string | undefined;
  readonly expiresInMs?: number | undefined;
  readonly expiresAtMs?: number | null | undefined;
  /** The result of `KeyProofs.check`. It has no default, so that no place that adds keys forgets the policy. */
  readonly proof: KeyProof | undefined;
  /** The key whose holder adds this one by rotation. */
  readonly rotatedFrom?: KeyId | null | undefined;
  /** CIDRs from which it can be used, in any form that {@link parseNetworks} takes; from anywhere if there are none. */
  readonly networks?: readonly string[] | undefined;
}

/** The changes to a key. `undefined` members stay unchanged. A revoked key keeps its status and expiry. */
export interface KeyPatch {
  readonly status?: KeyStatus | undefined;
  /** `null`: none. */
  readonly label?: string | null | undefined;
  /** `null`: never. In milliseconds since the epoch. */
  readonly expiresAtMs?: number | null | undefined;
  /** As in {@link NewKey}. */
  readonly networks?: readonly string[] | undefined;
}

const STATUS_ACTIONS = {
  active: "key.activated",
  deactivated: "key.deactivated",
  revoked: "key.revoked",
} as const satisfies Record<KeyStatus, string>;

/**
 * Adds a public key. A key whose modulus is registered or was revoked is refused, under whatever user or account, and so is one that
 * shares a prime with a registered key ({@link findRegisteredWeakness}). Without an expiry, a key gets the latest that the maximum age
 * of the account's keys allows. The challenge of a proof is used up, unless the key is refused.
 *
 * @throws {Refusal} `field_invalid`, `not_found`, `key_weak`, `conflict`; `key_proof_invalid` if the challenge was used before
 */
export async function addKey(
  tx: ChangeTx,
  {
    username,
    admitted,
    label,
    expiresInMs,
    expiresAtMs: expiresAtMsGiven = null,
    proof,
    rotatedFrom = null,
    networks: networkTexts = [],
  }: NewKey,
): Promise<PublicKey> {
  if (label !== undefined) checkDisplayText("label", label);
  const networks = parseNetworks(networkTexts);
  const expiresAtMsAsked = expiresInMs === undefined ? expiresAtMsGiven : tx.nowMs + expiresInMs;
  checkExpiry("The key's expiry", expiresAtMsAsked, tx.nowMs);
  const user = await loadUser(tx, username);
  const life = { createdAtMs: tx.nowMs, expiresAtMs: expiresAtMsAsked };
  const expiresAtMs = await limitNewKeyAge(tx, user.account, life);
  const weak = await findRegisteredWeakness(tx, admitted, user);
  if (weak !== undefined) throw weak;
  if ((await tx.keys.countUsable(user.id, tx.nowMs)) >= USABLE_KEYS_PER_USER_MAX) {
    throw new Refusal(
      "conflict",
      `${username} already has ${USABLE_KEYS_PER_USER_MAX} keys that are neither revoked nor expired, the maximum. Revoke one first.`,
    );
  }
  if (proof !== undefined) await useKeyProof(tx, proof);
  const provedAtMs = proof === undefined ? null : tx.nowMs;
  const { fingerprint, bits } = admitted;
  const createdAtMs = tx.nowMs;
  const { accountId } = user;
  const origin = { provedAtMs, rotatedFrom, networks };
  const id = await tx.keys.insert({
    ...admitted,
    userId: user.id,
    accountId,
    label: label ?? null,
    createdAtMs,
    expiresAtMs,
    ...origin,
  });
  await tx.append({
    action: "key.added",
    keyId: id,
    username,
    fingerprint,
    bits,
    expiresAtMs,
    accountId,
    ...(provedAtMs !== null && { provedAtMs }),
    ...(rotatedFrom !== null && { rotatedFrom }),
    ...(networks.length > 0 && { networks: networks.join(",") }),
  });
  const key = await tx.keys.find(id);
  if (key === undefined) throw new Error("a key that was just inserted is missing");
  return key;
}

/** Applies the whole patch or nothing. @throws {Refusal} `field_invalid`, `not_found`, `conflict`, `key_weak` */
export async function changeKey(tx: ChangeTx, keyId: KeyId, patch: KeyPatch): Promise<PublicKey> {
  if (typeof patch.label === "string") checkDisplayText("label", patch.label);
  const key = await loadKey(tx, keyId);
  const status = patch.status ?? key.status;
  const label = patch.label === undefined ? key.label : patch.label;
  const expiresAtMs = patch.expiresAtMs === undefined ? key.expiresAtMs : patch.expiresAtMs;
  const isOtherExpiry = expiresAtMs !== key.expiresAtMs;
  if (key.status === "revoked" && (status !== "revoked" || isOtherExpiry)) {
    throw new Refusal("conflict", `Key ${keyId} is revoked, and revoking can't be undone. Add a new key instead.`);
  }
  if (status === "active" && key.status !== "active") checkActivation(tx, key);
  const { username, fingerprint } = key;
  if (isOtherExpiry) {
    checkExpiry("The key's expiry", expiresAtMs, tx.nowMs);
    const { account } = await loadUser(tx, username);
    await checkKeyAge(tx, account, key, expiresAtMs);
  }
  const facts = { keyId, username, fingerprint, accountId: await accountOf(tx, key) };
  if (status !== key.status) {
    await tx.keys.setStatus(keyId, status);
    await tx.append({ action: STATUS_ACTIONS[status], ...facts });
  }
  const networks = patch.networks === undefined ? key.networks : parseNetworks(patch.networks);
  const areOtherNetworks = networks.join() !== key.networks.join();
  if (label !== key.label || isOtherExpiry || areOtherNetworks) {
    await tx.keys.update(keyId, { label, expiresAtMs, networks });
    const changed = areOtherNetworks ? { networks: networks.join(",") } : {};
    await tx.append({ action: "key.changed", ...facts, label, expiresAtMs, ...changed });
  }
  return { ...key, status, label, expiresAtMs, networks };
}

/** @throws {Refusal} `key_weak` for a key that the next audit would deactivate again */
function checkActivation({ policy }: ChangeTx, { id, weakness }: PublicKey): void {
  if (weakness === null || !policy.weakKeysStayOff) return;
  throw new Refusal("key_weak", `Key ${id} was found weak (${weakness}), and this service deactivates weak keys.`, {
    weakness,
    hint: "Add a new key instead. countersign key audit examines the registered keys again.",
  });
}

/** @throws {Refusal} `not_found` */
export async function loadKey({ keys }: ChangeTx, keyId: KeyId): Promise<PublicKey> {
  const key = await keys.find(keyId);
  if (key === undefined) throw unknownKey(keyId);
  return key;
}

/** The refusal of an id that no key has. */
export function unknownKey(keyId: number): Refusal {
  return new Refusal("not_found", `There is no key ${keyId}.`);
}

async function accountOf({ users }: ChangeTx, { username }: PublicKey): Promise<AccountId | undefined> {
  return (await users.find(username))?.accountId;
}
