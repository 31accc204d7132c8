import { EXPIRY_MS_MAX, isExpired } from "../expiry.ts";
import { isoTime } from "../json/registry.ts";
import { parsePublicKey } from "../keys/admission.ts";
import { changeKey, loadKey, USABLE_KEYS_PER_USER_MAX } from "../keys/changes.ts";
import type { PublicKey } from "../keys/model.ts";
import { requireKnownAddresses } from "../networks.ts";
import { nameOf } from "./export-registry.ts";
import { checkAge, keyAgeMaxOf, keyName, type KeyOwner } from "./key-owner.ts";
import type { DeclaredKey } from "./model.ts";
import { planNewKey } from "./plan-new-key.ts";
import { addProblem, attempt, type Planning } from "./planning.ts";
import { actionOf, diffMembers, requireAsPlanned, type ShownMembers, type Step } from "./step.ts";

/** The document's key as a PEM text that this service exports, without its line breaks. */
const EXPORTED = /^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END PUBLIC KEY-----\n*$/;

/** How many keys are parsed before other work of the process gets a turn. */
const KEYS_AT_ONCE = 50;

/**
 * Plans the keys of an API user: revocations first, because only so many keys may be usable; then additions, then changes, and
 * deactivations last, so that a new key works before the old one stops.
 *
 * @param owned the user's keys in the registry
 */
export async function planKeys(planning: Planning, owner: KeyOwner, owned: readonly PublicKey[]): Promise<void> {
  const { keys: declared } = owner.user;
  if (declared === undefined) return;
  const bySpki = new Map(owned.map((key) => [Buffer.from(key.spki).toString("base64"), key]));
  const mentioned = new Set<PublicKey>();
  const added: Step[] = [];
  const changed: Step[] = [];
  for (const key of declared) {
    const spki = EXPORTED.exec(key.text)?.[1]?.replaceAll("\n", "") ?? "";
    // Most keys of a document are registered as they stand there, and needn't be parsed.
    let present = bySpki.get(spki);
    if (present === undefined && ++planning.parsedKeys % KEYS_AT_ONCE === 0) await planning.yieldToEventLoop();
    const parsed =
      present === undefined
        ? await attempt(planning, `${key.at}/public_key`, () => parsePublicKey(key.text))
        : undefined;
    if (present === undefined && parsed === undefined) continue;
    present ??= owned.find(({ thumbprint }) => thumbprint === parsed?.thumbprint);
    if (isTwice(planning, key, present?.thumbprint ?? parsed?.thumbprint ?? "")) continue;
    if (present !== undefined) {
      mentioned.add(present);
      changed.push(...(await changeOf(planning, owner, key, present)));
    } else if (parsed !== undefined) {
      added.push(...(await planNewKey(planning, owner, key, parsed)));
    }
  }
  checkCount(planning, owner, owned, changed, added);
  planning.steps.push(
    ...changed.filter(({ action }) => action === "revoke"),
    ...added,
    ...changed.filter(({ action }) => action === "change"),
    ...changed.filter(({ action }) => action === "deactivate"),
  );
  if (!planning.prune) return;
  // Keys that are off already stay as they are.
  const live = owned.filter((key) => key.status === "active" && !isExpired(key, planning.nowMs));
  planning.prunes.push(...live.filter((key) => !mentioned.has(key)).map((key) => deactivation(owner, key)));
}

function isTwice(planning: Planning, { at }: DeclaredKey, thumbprint: string): boolean {
  const first = planning.thumbprints.get(thumbprint);
  if (first === undefined) planning.thumbprints.set(thumbprint, at);
  else addProblem(planning, `${at}/public_key`, `The document has this key already, at ${first}.`);
  return first !== undefined;
}

function shown({ label, status, expiresAtMs, networks }: PublicKey): ShownMembers {
  return { label, status, expires_at: isoTime(expiresAtMs), networks };
}

async function changeOf(
  planning: Planning,
  owner: KeyOwner,
  declared: DeclaredKey,
  present: PublicKey,
): Promise<readonly Step[]> {
  const { at, label, status, networks } = declared;
  const isRevoked = present.status === "revoked";
  if (isRevoked && status !== undefined && status !== "revoked") {
    addProblem(
      planning,
      `${at}/status`,
      `This key was revoked (key ${present.id}), and revoking can't be undone. Add a new key, and write "revoked" here or leave the entry out.`,
    );
    return [];
  }
  if (
    !isRevoked &&
    present.weakness !== null &&
    planning.policy.weakKeysStayOff &&
    status === "active" &&
    present.status !== "active"
  ) {
    addProblem(
      planning,
      `${at}/status`,
      `Key ${present.id} was found weak (${present.weakness}), and this service deactivates weak keys.`,
    );
  }
  await attempt(planning, `${at}/networks`, () =>
    requireKnownAddresses(networks, present.networks, planning.unnamedProxy),
  );
  // A revoked key keeps its expiry, and is used from nowhere.
  const expiresAtMs = isRevoked ? undefined : wantedExpiry(planning, owner, declared, present);
  const patch = { label, status, expiresAtMs, networks: isRevoked ? undefined : networks };
  const changes = diffMembers(shown(present), {
    label,
    status,
    expires_at: expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
    networks: patch.networks,
  });
  if (changes.length === 0) return [];
  if (expiresAtMs !== undefined && changes.some(({ member }) => member === "expires_at")) {
    checkOtherExpiry(planning, owner, `${at}/expires_at`, present, expiresAtMs);
  }
  return [
    {
      action: status === "revoked" && !isRevoked ? "revoke" : actionOf(changes),
      kind: "key",
      name: keyName(owner, present),
      changes,
      isPruned: false,
      async run(tx) {
        requireAsPlanned(shown(await loadKey(tx, present.id)), changes);
        // A key that is revoked keeps its expiry from then on.
        const { status: wanted, ...rest } = patch;
        await changeKey(tx, present.id, rest);
        await changeKey(tx, present.id, { status: wanted });
        return undefined;
      },
    },
  ];
}

/** Under a maximum age, `null` stands for the latest expiry that it allows. A key that never expired stays as it is. */
function wantedExpiry(
  planning: Planning,
  owner: KeyOwner,
  { expiresAtMs }: DeclaredKey,
  present: PublicKey,
): number | null | undefined {
  const isNever = expiresAtMs === null && present.expiresAtMs !== null;
  const maxMs = keyAgeMaxOf(planning, owner);
  return isNever && maxMs !== null ? Math.min(present.createdAtMs + maxMs, EXPIRY_MS_MAX) : expiresAtMs;
}

/** As `changeKey` checks it: an earlier expiry than before is always allowed. */
function checkOtherExpiry(
  planning: Planning,
  owner: KeyOwner,
  at: string,
  present: PublicKey,
  expiresAtMs: number | null,
): void {
  if (!checkFuture(planning, at, expiresAtMs)) return;
  if (expiresAtMs !== null && expiresAtMs < (present.expiresAtMs ?? Number.POSITIVE_INFINITY)) return;
  checkAge(planning, owner, at, { createdAtMs: present.createdAtMs, expiresAtMs });
}

/** @returns whether it is in the future, or never */
function checkFuture(planning: Planning, at: string, expiresAtMs: number | null): boolean {
  if (expiresAtMs === null || (expiresAtMs > planning.nowMs && expiresAtMs <= EXPIRY_MS_MAX)) return true;
  addProblem(planning, at, "The key's expiry must be in the future and before the year 2106.");
  return false;
}

function checkCount(
  planning: Planning,
  { user, existing }: KeyOwner,
  owned: readonly PublicKey[],
  changed: readonly Step[],
  added: readonly Step[],
): void {
  const usable = owned.filter((key) => key.status !== "revoked" && !isExpired(key, planning.nowMs)).length;
  const revoked = changed.filter(({ action }) => action === "revoke").length;
  const count = usable - revoked + added.filter(({ action }) => action === "create").length;
  if (added.length === 0 || count <= USABLE_KEYS_PER_USER_MAX) return;
  const name = existing === undefined ? user.name : nameOf(existing);
  addProblem(
    planning,
    `${user.at}/keys`,
    `${name} would have ${count} keys that are neither revoked nor expired; ${USABLE_KEYS_PER_USER_MAX} are allowed.`,
  );
}

function deactivation(owner: KeyOwner, key: PublicKey): Step {
  const changes = [{ member: "status", from: "active", to: "deactivated" }];
  return {
    action: "deactivate",
    kind: "key",
    name: keyName(owner, key),
    changes,
    isPruned: true,
    async run(tx) {
      requireAsPlanned(shown(await loadKey(tx, key.id)), changes);
      await changeKey(tx, key.id, { status: "deactivated" });
      return undefined;
    },
  };
}
