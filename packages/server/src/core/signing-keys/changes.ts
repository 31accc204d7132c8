import type { ChangeTx } from "../change/change-tx.ts";
import { Refusal } from "../refusal.ts";
import { isUnbound, MASTER_SECRET_BYTES, masterSecretFingerprint, type SigningKeyRecord } from "./signing-keys.ts";
import type { LiveNode } from "./store.ts";

/** A node that hasn't registered for longer than this, in milliseconds, isn't live. */
export const LIVE_NODE_MS = 15_000;

/** The result of trying to activate a new signing key. */
export interface Activation {
  /** The key that is waiting or was just activated; `undefined` if none was waiting. */
  readonly key: SigningKeyRecord | undefined;
  /** Live nodes that couldn't check its tokens yet. */
  readonly waitingFor: readonly LiveNode[];
}

/** Ensures that the store has a signing key. A new store gets number 1, which signs immediately. */
export async function ensureSigningKey(tx: ChangeTx, masterSecret: Buffer): Promise<void> {
  if (masterSecret.length !== MASTER_SECRET_BYTES) throw new Error("a master secret has 32 bytes");
  if ((await tx.signingKeys.list()).length > 0) return;
  await insertSigningKey(tx, 1, masterSecret, { isActive: true });
}

/**
 * Creates the next signing key, derived from this master secret. It signs nothing until {@link activateSigningKey} finds that every
 * live node can check its tokens.
 *
 * @returns the new key, or the key that is already waiting
 */
export async function rotateSigningKey(tx: ChangeTx, masterSecret: Buffer): Promise<SigningKeyRecord> {
  const keys = await tx.signingKeys.list();
  return keys.find(isWaiting) ?? insertSigningKey(tx, nextNumber(keys), masterSecret, { isActive: false });
}

/**
 * Creates the next signing key, as {@link rotateSigningKey} does, if the newest one derives from a master secret alone, as in
 * releases before stores had ids. Nodes of such a release can't check the new key's tokens, so it waits for the last of them to
 * end.
 *
 * @param masterSecrets newest first
 */
export async function bindSigningKeyToStore(
  tx: ChangeTx,
  masterSecrets: readonly [Buffer, ...Buffer[]],
): Promise<SigningKeyRecord | undefined> {
  const newest = (await tx.signingKeys.list()).findLast(({ retiredAtMs }) => retiredAtMs === null);
  if (newest === undefined || !isUnbound(newest, masterSecrets) || isWaiting(newest)) return undefined;
  return rotateSigningKey(tx, masterSecrets[0]);
}

/** The number of the key that signs new tokens: the greatest of those that are active; `undefined` if none is. */
export function signingNumber(
  keys: readonly Pick<SigningKeyRecord, "number" | "activatedAtMs" | "retiredAtMs">[],
): number | undefined {
  const active = keys.filter(({ activatedAtMs, retiredAtMs }) => activatedAtMs !== null && retiredAtMs === null);
  return active.length === 0 ? undefined : Math.max(...active.map(({ number }) => number));
}

/** Activates a waiting key if every live node can check its tokens. */
export async function activateSigningKey(tx: ChangeTx): Promise<Activation> {
  const key = (await tx.signingKeys.list()).find(isWaiting);
  if (key === undefined) return { key, waitingFor: [] };
  const nodes = await tx.nodes.listLive(LIVE_NODE_MS);
  const waitingFor = nodes.filter(({ signingKeys }) => !signingKeys.includes(key.number));
  if (waitingFor.length > 0) return { key, waitingFor };
  const activatedAtMs = tx.nowMs;
  await tx.signingKeys.update(key.number, { activatedAtMs });
  const { number: signingKey, masterFingerprint } = key;
  await tx.append({ action: "signing_key.activated", signingKey, masterFingerprint });
  return { key: { ...key, activatedAtMs }, waitingFor };
}

/** The refusal of a number that no signing key has. */
export function unknownSigningKey(number: number): Refusal {
  return new Refusal("not_found", `There is no signing key ${number}.`);
}

/** Ends every token of this signing key immediately. @throws {Refusal} `not_found`; `conflict` for the only key that signs */
export async function retireSigningKey(tx: ChangeTx, number: number): Promise<SigningKeyRecord> {
  const keys = await tx.signingKeys.list();
  const key = keys.find((one) => one.number === number);
  if (key === undefined) throw unknownSigningKey(number);
  if (key.retiredAtMs !== null) return key;
  const signing = keys.filter((one) => one.retiredAtMs === null && one.activatedAtMs !== null);
  if (signing.every((one) => one.number === number)) {
    throw new Refusal(
      "conflict",
      `Signing key ${number} is the only one that signs. countersign signing-key rotate makes the next one; then retire this.`,
    );
  }
  return endSigningKey(tx, key);
}

/** Retires every signing key, and creates one that signs immediately. @param numbersUsed the greatest number ever used, 0 if unknown */
export async function replaceSigningKeys(
  tx: ChangeTx,
  masterSecret: Buffer,
  numbersUsed: number,
): Promise<{ readonly signingKey: number; readonly retired: readonly number[] }> {
  const keys = await tx.signingKeys.list();
  const inUse = keys.filter(({ retiredAtMs }) => retiredAtMs === null);
  for (const key of inUse) await endSigningKey(tx, key);
  const number = Math.max(numbersUsed + 1, nextNumber(keys));
  await insertSigningKey(tx, number, masterSecret, { isActive: true });
  return { signingKey: number, retired: inUse.map((key) => key.number) };
}

async function insertSigningKey(
  tx: ChangeTx,
  number: number,
  masterSecret: Buffer,
  { isActive }: { readonly isActive: boolean },
): Promise<SigningKeyRecord> {
  const masterFingerprint = masterSecretFingerprint(masterSecret, await tx.storeId());
  const times = { createdAtMs: tx.nowMs, activatedAtMs: isActive ? tx.nowMs : null, retiredAtMs: null };
  const key = { number, masterFingerprint, ...times };
  await tx.signingKeys.insert(key);
  await tx.append({ action: "signing_key.created", signingKey: number, masterFingerprint });
  return key;
}

async function endSigningKey(tx: ChangeTx, key: SigningKeyRecord): Promise<SigningKeyRecord> {
  const { number: signingKey, masterFingerprint } = key;
  await tx.signingKeys.update(signingKey, { retiredAtMs: tx.nowMs });
  await tx.append({ action: "signing_key.retired", signingKey, masterFingerprint });
  return { ...key, retiredAtMs: tx.nowMs };
}

function nextNumber(keys: readonly SigningKeyRecord[]): number {
  return Math.max(0, ...keys.map(({ number }) => number)) + 1;
}

function isWaiting({ activatedAtMs, retiredAtMs }: SigningKeyRecord): boolean {
  return activatedAtMs === null && retiredAtMs === null;
}
