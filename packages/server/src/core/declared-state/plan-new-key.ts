import { EXPIRY_MS_MAX } from "../expiry.ts";
import { isoTime } from "../json/registry.ts";
import { acceptWithoutProof } from "../key-statements/key-proofs.ts";
import type { ParsedKey } from "../keys/admission.ts";
import type { AdmittedKey } from "../keys/admit-key.ts";
import { addKey, changeKey } from "../keys/changes.ts";
import { keyWeak } from "../keys/key-weak.ts";
import { numberOf } from "../keys/weakness/numbers.ts";
import { requireKnownAddresses } from "../networks.ts";
import { canSee } from "../operators/authorize.ts";
import type { Refusal } from "../refusal.ts";
import { checkAge, keyName, type KeyOwner, usernameIn } from "./key-owner.ts";
import type { DeclaredKey } from "./model.ts";
import { addProblem, attempt, type Planning } from "./planning.ts";
import { changedMeanwhile, diffMembers, type Step } from "./step.ts";

/**
 * After this many additions a key is examined once more, directly before it is added. A transaction compares a new key with those that
 * were added since its examination, but only with so many (`findRegisteredWeakness`).
 */
const ADDITIONS_PER_EXAMINATION = 200;

/**
 * Plans the addition of a key that its user doesn't have. The key is examined now, so that a weak one is found before anything is
 * changed.
 *
 * @returns nothing if there is a problem, and for a key that is of no use: one that has expired, or one that is to be revoked and could
 *   never be added
 */
export async function planNewKey(
  planning: Planning,
  owner: KeyOwner,
  declared: DeclaredKey,
  parsed: ParsedKey,
): Promise<readonly Step[]> {
  const { at, status = "active", label, networks = [], expiresAtMs } = declared;
  const isRevoked = status === "revoked";
  const name = keyName(owner, parsed);
  if (!isRevoked && expiresAtMs !== undefined && expiresAtMs !== null && expiresAtMs <= planning.nowMs) {
    planning.notes.push(`key ${name} isn't added: it expired on ${isoTime(expiresAtMs)}`);
    return [];
  }
  const refusal = await findRegistered(planning, parsed);
  if (refusal !== undefined) {
    const isGone = isRevoked && refusal.detail.weakness === "revoked";
    if (!isGone) addProblem(planning, `${at}/public_key`, refusal.message);
    return [];
  }
  if (!isRevoked) await checkNewKey(planning, owner, declared);
  const admitted = isRevoked
    ? // A weak key can never be added, so its revocation needn't be recorded.
      await admit(planning, parsed).catch(ignoreWeak)
    : await attempt(planning, `${at}/public_key`, () => admit(planning, parsed));
  if (admitted === undefined) return [];
  planning.newModuli.add(numberOf(parsed.modulus));
  return [addition(planning, owner, declared, admitted, name, { label: label ?? null, status, networks })];
}

async function checkNewKey(planning: Planning, owner: KeyOwner, declared: DeclaredKey): Promise<void> {
  const { at, expiresAtMs, networks = [] } = declared;
  await attempt(planning, at, () => acceptWithoutProof(planning.keyProof));
  await attempt(planning, `${at}/networks`, () => requireKnownAddresses(networks, [], planning.unnamedProxy));
  // Under a maximum age, a key without an expiry gets the latest that is allowed.
  if (expiresAtMs === undefined || expiresAtMs === null) return;
  if (expiresAtMs > EXPIRY_MS_MAX) {
    addProblem(planning, `${at}/expires_at`, "The key's expiry must be before the year 2106.");
    return;
  }
  checkAge(planning, owner, `${at}/expires_at`, { createdAtMs: planning.nowMs, expiresAtMs });
}

/** @throws {Refusal} `key_weak`, also for a key that shares a prime with another new one of the document */
async function admit(planning: Planning, parsed: ParsedKey): Promise<AdmittedKey> {
  const admitted = await planning.admitKey(parsed, planning.author.actor);
  // It isn't registered, so what it has in common with a registered key isn't the whole modulus.
  if (admitted.sharesPrime || planning.newModuli.sharesPrime(numberOf(parsed.modulus))) throw keyWeak("shared_prime");
  return admitted;
}

function ignoreWeak(error: unknown): undefined {
  if ((error as Partial<Refusal>).code !== "key_weak") throw error;
  return undefined;
}

/** Why the key can't be added, because of a registered or revoked key with its modulus. */
async function findRegistered({ store, author }: Planning, { modulusHash }: ParsedKey): Promise<Refusal | undefined> {
  const others = await store.keys.findByModulusHash(modulusHash);
  const [first] = others;
  if (others.some(({ status }) => status === "revoked")) return keyWeak("revoked");
  if (first === undefined) return (await store.keys.isModulusRevoked(modulusHash)) ? keyWeak("revoked") : undefined;
  const user = await store.users.find(first.username);
  if (user === undefined || !canSee(author, user.accountId)) return keyWeak("duplicate");
  return keyWeak("duplicate", `this key is registered already, for ${first.username}: key ${first.id}`);
}

function addition(
  planning: Planning,
  { account, user }: KeyOwner,
  { expiresAtMs }: DeclaredKey,
  examined: AdmittedKey,
  name: string,
  {
    label,
    status,
    networks,
  }: { label: string | null; status: "active" | "deactivated" | "revoked"; networks: readonly string[] },
): Step {
  const { admitKey, author } = planning;
  const isRevoked = status === "revoked";
  const number = planning.newKeys++;
  let admitted = examined;
  return {
    action: "create",
    kind: "key",
    name,
    changes: diffMembers(
      { label: null, status: "active", expires_at: null, networks: [] },
      {
        label,
        status,
        expires_at: isRevoked || expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
        networks: isRevoked ? undefined : networks,
      },
    ),
    isPruned: false,
    async prepare() {
      if (number >= ADDITIONS_PER_EXAMINATION) admitted = await admitKey(examined, author.actor);
    },
    async run(tx) {
      const username = await usernameIn(tx, account.shortname, user.name);
      const others = await tx.keys.findByModulusHash(admitted.modulusHash);
      if (others.some((other) => other.username === username)) throw changedMeanwhile();
      const { id } = await addKey(tx, {
        username,
        admitted,
        label: label ?? undefined,
        // A key that is revoked at once needs no expiry, and its own may have passed.
        expiresAtMs: isRevoked ? null : expiresAtMs,
        networks: isRevoked ? [] : networks,
        // The policy was checked for the plan.
        proof: undefined,
      });
      if (status !== "active") await changeKey(tx, id, { status });
      return undefined;
    },
  };
}
