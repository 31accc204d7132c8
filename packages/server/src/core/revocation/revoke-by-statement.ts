import { createPublicKey } from "node:crypto";
import type { ChangeTx } from "../change/change-tx.ts";
import type { PublicKey } from "../keys/model.ts";
import { loadUser } from "../users/changes.ts";
import { Refusal } from "../refusal.ts";
import type { RevocationStatement } from "./statement.ts";

/**
 * How many moduli are remembered as revoked although no key has them. Anybody can make key pairs and statements, so there must be a
 * bound; what was accepted is never forgotten, so beyond it such statements are refused.
 */
export const UNREGISTERED_MODULI_MAX = 100_000;

/** What a statement did. */
export interface RevokedByStatement {
  /** The keys that it revoked now. */
  readonly keys: readonly PublicKey[];
  /** Was its modulus, which no key has, remembered now? */
  readonly isRemembered: boolean;
}

/**
 * Revokes every key with the statement's modulus, of any user, whatever its standing. Each is revoked by itself: the actor is
 * `key:<id>`. If no key has the modulus, it is remembered, so that none can be added with it. A repeated statement changes nothing.
 *
 * @param address where the statement came from; it is recorded
 * @throws {Refusal} `revocation_rejected` if the keys with this modulus have other exponents; `rate_limited` if too many moduli are
 *   remembered
 */
export async function revokeByStatement(
  tx: ChangeTx,
  statement: RevocationStatement,
  address?: string,
): Promise<RevokedByStatement> {
  const { modulusHash } = statement;
  const registered = await tx.keys.findByModulusHash(modulusHash);
  if (registered.length === 0) return { keys: [], isRemembered: await rememberModulus(tx, modulusHash) };
  checkExponent(registered, statement);
  const live = registered.filter(({ status }) => status !== "revoked");
  for (const { id: keyId, username, fingerprint } of live) {
    const { accountId } = await loadUser(tx, username);
    await tx.keys.setStatus(keyId, "revoked");
    const facts = { keyId, username, fingerprint, accountId, byStatement: true, address } as const;
    await tx.append({ action: "key.revoked", ...facts }, keyActor(keyId));
  }
  return { keys: live.map((key) => ({ ...key, status: "revoked" })), isRemembered: false };
}

/**
 * Could the statement's key be a registered one? Signing for a modulus takes its factors whatever the exponent is, so this only keeps
 * the statement to the key that it means.
 *
 * @throws {Refusal} `revocation_rejected`
 */
export function checkExponent(registered: readonly PublicKey[], { exponent }: RevocationStatement): void {
  if (registered.some(({ spki }) => exponentOf(spki) === BigInt(exponent))) return;
  throw new Refusal(
    "revocation_rejected",
    "The revocation statement is refused: no key has its modulus and its exponent.",
    {
      hint: "Put the e of the registered key into jwk; nearly always it is AQAB, which is 65537.",
    },
  );
}

/** The name of a key as an actor in the audit log. */
export function keyActor(keyId: PublicKey["id"]): string {
  return `key:${keyId}`;
}

async function rememberModulus({ keys, nowMs }: ChangeTx, modulusHash: string): Promise<boolean> {
  if (await keys.isModulusRevoked(modulusHash)) return false;
  if ((await keys.countRevokedModuli()) >= UNREGISTERED_MODULI_MAX) {
    throw new Refusal(
      "rate_limited",
      `No key has this modulus, and ${UNREGISTERED_MODULI_MAX} moduli without a key are revoked already, the maximum.`,
      { hint: "Tell the administrator of this service which key isn't to be accepted.", retryAfterSeconds: 86_400 },
    );
  }
  await keys.insertRevokedModulus(modulusHash, nowMs);
  return true;
}

function exponentOf(spki: Uint8Array): bigint | undefined {
  return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }).asymmetricKeyDetails?.publicExponent;
}
