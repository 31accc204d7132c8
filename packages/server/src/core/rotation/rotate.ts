/**
 * Rotation: a client replaces its key by itself. Its present key authorizes the new one, which proves that the client holds it.
 * Nothing here knows HTTP.
 */
import type { AccountId } from "../accounts/model.ts";
import { standingRefusal } from "../assertion/find-signer.ts";
import type { OpenChallenge } from "../challenges/store.ts";
import type { Author, ChangeTx } from "../change/change-tx.ts";
import type { AdmittedKey } from "../keys/admit-key.ts";
import { addKey, loadKey } from "../keys/changes.ts";
import { findKeyProblem } from "../keys/key-problem.ts";
import type { KeyId, PublicKey } from "../keys/model.ts";
import type { KeyProof } from "../keys/possession.ts";
import { Refusal } from "../refusal.ts";
import { loadUser } from "../users/changes.ts";

/** How many rotations of one user's keys are allowed within 24 hours. Rows of keys are never removed, so it bounds what a client stores. */
export const ROTATIONS_PER_DAY_MAX = 48;
const DAY_MS = 86_400_000;

/** A key to rotate in, after every check that needs no transaction. */
export interface NewRotation {
  /** The key that signed the request. */
  readonly from: KeyId;
  /** Its assertion, which can rotate in one key: so a copy of it, from a proxy's log perhaps, is worthless. */
  readonly assertion: OpenChallenge;
  readonly admitted: AdmittedKey;
  readonly proof: KeyProof;
  /** By default that of the old key. */
  readonly label: string | undefined;
  readonly overlapSeconds: number;
}

/** What a rotation did. */
export interface Rotation {
  readonly key: PublicKey;
  /** The old key, with the expiry that it has now. */
  readonly previous: PublicKey;
  /** Was the key rotated in by an earlier request? If so, this one changed nothing. */
  readonly isRepeated: boolean;
  /** Other keys that the old key rotated in, in the order of their ids. */
  readonly siblings: readonly PublicKey[];
}

/** The author of a rotation: the key. It sees no account, so that no refusal tells a client about another user's key. */
export function rotationAuthor(keyId: KeyId): Author {
  return { actor: `key:${keyId}`, role: "viewer", accountId: 0 as AccountId, account: null };
}

/**
 * Adds the new key, and brings the old one's expiry forward to the end of the overlap; an earlier expiry stays. The new key is limited
 * to the old one's networks. All checks of the old key are made again: another change may have come first.
 *
 * @throws {Refusal} `key_deactivated`, `key_expired`, `user_deactivated`, `account_deactivated`, `rotation_not_allowed`,
 *   `assertion_replayed`, `rate_limited`, and as {@link addKey}
 */
export async function rotate(tx: ChangeTx, rotation: NewRotation): Promise<Rotation> {
  const { admitted, proof, label, overlapSeconds } = rotation;
  const old = await loadKey(tx, rotation.from);
  const { username } = old;
  await checkMayRotate(tx, old);
  const children = await tx.keys.listRotatedFrom(old.id);
  const repeated = findRotatedIn(children, admitted);
  if (repeated !== undefined) return repeatedRotation(repeated, old, children);
  await checkRotationRate(tx, old);
  const key = await addKey(tx, {
    username,
    admitted,
    label: label ?? old.label ?? undefined,
    proof,
    rotatedFrom: old.id,
    networks: old.networks,
  });
  // The exception rolls the addition back; a refused addition leaves the assertion unused.
  if (!(await tx.challenges.use(rotation.assertion))) throw replayed();
  const expiresAtMs = Math.min(old.expiresAtMs ?? Number.POSITIVE_INFINITY, tx.nowMs + overlapSeconds * 1000);
  if (expiresAtMs !== old.expiresAtMs) {
    const { id: keyId, fingerprint } = old;
    const { accountId } = await loadUser(tx, username);
    await tx.keys.update(keyId, { expiresAtMs });
    await tx.append({ action: "key.changed", keyId, username, fingerprint, accountId, label: old.label, expiresAtMs });
  }
  return { key, previous: { ...old, expiresAtMs }, isRepeated: false, siblings: children };
}

/** Finds an active key among those that a key has rotated in; one that was stopped isn't rotated in again. */
export function findRotatedIn(
  children: readonly PublicKey[],
  { thumbprint }: Pick<AdmittedKey, "thumbprint">,
): PublicKey | undefined {
  return children.find((child) => child.thumbprint === thumbprint && child.status === "active");
}

/** The answer to a request that repeats an earlier rotation. @param children every key that the old key has rotated in */
export function repeatedRotation(key: PublicKey, previous: PublicKey, children: readonly PublicKey[]): Rotation {
  return { key, previous, isRepeated: true, siblings: children.filter(({ id }) => id !== key.id) };
}

/** The refusal of a client whose user has no permission to rotate. */
export function rotationNotAllowed(): Refusal {
  return new Refusal("rotation_not_allowed", "The API user may not rotate its keys.", {
    hint: "Ask the administrator of this service to allow it, or to add the new key.",
  });
}

function replayed(): Refusal {
  return new Refusal("assertion_replayed", "This assertion has rotated in another key already.", {
    hint: "Sign a new assertion for each rotation, with another iat.",
  });
}

async function checkMayRotate(tx: ChangeTx, key: PublicKey): Promise<void> {
  const user = await loadUser(tx, key.username);
  const account = await tx.accounts.find(user.account);
  const accountStatus = account?.status ?? "deactivated";
  const problem = findKeyProblem({ ...key, user: { status: user.status, accountStatus } }, tx.nowMs);
  if (problem !== undefined) throw standingRefusal(problem);
  if (!user.mayRotate) throw rotationNotAllowed();
}

async function checkRotationRate(tx: ChangeTx, { userId, username }: PublicKey): Promise<void> {
  if ((await tx.keys.countRotatedSince(userId, tx.nowMs - DAY_MS)) < ROTATIONS_PER_DAY_MAX) return;
  throw new Refusal(
    "rate_limited",
    `${username} has rotated its keys ${ROTATIONS_PER_DAY_MAX} times within 24 hours, the maximum.`,
    {
      hint: "A rotation a month is usual. Does the client keep the new key?",
      retryAfterSeconds: 3600,
    },
  );
}
