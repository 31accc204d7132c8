import type { Author, ChangeTx } from "../../change/change-tx.ts";
import type { Commit } from "../../change/commit.ts";
import type { Store } from "../../store/store.ts";
import type { KeyId, PublicKey, Weakness } from "../model.ts";
import { recordWeakness, type WeakKey } from "./record-weakness.ts";
import type { WeakKeyPolicy } from "./weak-key-policy.ts";
import type { AuditedKey } from "./store.ts";

/** How many keys one step examines, and one change records at most. */
const KEYS_PER_STEP = 50;

/** How many keys one change completes. */
const COMPLETED_PER_STEP = 200;

/** How many keys the search for shared primes compares with all earlier ones before it records how far it got. */
const COMPARED_PER_STEP = 1024;

/** How stored keys are examined. */
export interface StoredKeyExaminer {
  /**
   * The first weakness of a key as if it were added now; `null` if there is none.
   *
   * @param sharing the keys that share a prime with another
   * @throws {Refusal} `unavailable` if it can't be examined now
   */
  findWeakness(key: PublicKey, sharing: ReadonlySet<KeyId>): Promise<Weakness | null>;
  /**
   * The keys that share a prime with another registered key of a different modulus, where one of the two has an id after `after` and
   * both have one up to `through`.
   *
   * @param onStep called before each step, which takes seconds; what it throws ends the search
   */
  findSharing(after: KeyId, through: KeyId, onStep: () => Promise<void>): Promise<ReadonlySet<KeyId>>;
  /** The hash by which a key's modulus is known; `undefined` if the stored key can't be read. */
  modulusHash(spki: Uint8Array): string | undefined;
}

export interface KeyAuditDependencies {
  readonly store: Pick<Store, "keyAudit" | "keys">;
  readonly commit: Commit;
  readonly author: Author;
  readonly policy: WeakKeyPolicy;
  readonly examiner: StoredKeyExaminer;
}

/** Called at the beginning of each change of an audit, with the key that was reached. If it throws, the change isn't made. */
export type OnAuditChange = (tx: ChangeTx, reached?: KeyId) => Promise<void>;

/** What one step found. */
export interface AuditStep {
  /** The last key that was looked at; `undefined` if no key is left. */
  readonly reached: KeyId | undefined;
  /** The keys that were examined, as they were before. */
  readonly examined: readonly AuditedKey[];
  /** The weak ones among them, whether that was known before or not, by id. */
  readonly weak: readonly WeakKey[];
}

const NOTHING: OnAuditChange = () => Promise.resolve();

/** Examines the next stored keys after `after`, except for revoked ones, and records what changed. */
export async function auditNextKeys(
  { store, commit, author, policy, examiner }: KeyAuditDependencies,
  after: KeyId,
  onChange = NOTHING,
): Promise<AuditStep> {
  const keys = await store.keyAudit.listById(after, KEYS_PER_STEP);
  const reached = keys.at(-1)?.id;
  // A key that isn't complete yet is examined the next day.
  const usable = keys.filter(({ status, modulusHash }) => status !== "revoked" && modulusHash !== "");
  const known: WeakKey[] = [];
  const changed: (readonly [AuditedKey, Weakness | null])[] = [];
  for (const key of usable) {
    const weakness = await findWeakness(examiner, key);
    const isToDeactivate = weakness !== null && policy === "deactivate" && key.status === "active";
    if (weakness !== key.weakness || isToDeactivate) changed.push([key, weakness]);
    else if (weakness !== null) known.push({ key, weakness, isNew: false, isDeactivated: false });
  }
  const recorded = changed.length === 0 ? [] : await record(changed);
  const weak = [...known, ...recorded].toSorted((a, b) => a.key.id - b.key.id);
  return { reached, examined: usable, weak };

  async function record(findings: typeof changed): Promise<readonly WeakKey[]> {
    const { result } = await commit(
      async (tx) => {
        await onChange(tx, reached);
        const found: WeakKey[] = [];
        for (const [key, weakness] of findings) {
          const weak = await recordWeakness(tx, key.id, weakness, policy);
          if (weak !== undefined) found.push(weak);
        }
        return found;
      },
      { author },
    );
    return result;
  }
}

/**
 * A shared prime stays a weakness: the other key is known to the search for shared primes alone, and this key is none the better for
 * its being revoked.
 */
async function findWeakness(examiner: StoredKeyExaminer, key: AuditedKey): Promise<Weakness | null> {
  if (key.weakness === "shared_prime") return key.weakness;
  return examiner.findWeakness(key, new Set());
}

/**
 * Compares keys that were added after `after` with every earlier key, and records which of them share a prime.
 *
 * @param onStep called before each step of some seconds; what it throws ends the search
 * @returns the key up to which all pairs have been compared; `undefined` if there are no keys after `after`
 */
export async function searchSharedPrimes(
  { store, commit, author, policy, examiner }: KeyAuditDependencies,
  after: KeyId,
  onStep: () => Promise<void>,
  onChange = NOTHING,
): Promise<KeyId | undefined> {
  const reached = (await store.keys.listModuli(after, COMPARED_PER_STEP)).at(-1)?.id;
  if (reached === undefined) return undefined;
  const sharing = [...(await examiner.findSharing(after, reached, onStep))];
  for (let start = 0; start < sharing.length; start += KEYS_PER_STEP) {
    const some = sharing.slice(start, start + KEYS_PER_STEP);
    await commit(
      async (tx) => {
        await onChange(tx);
        for (const keyId of some) await recordWeakness(tx, keyId, "shared_prime", policy);
      },
      { author },
    );
  }
  return reached;
}

/** Completes the keys that an older release added during an upgrade, so that duplicates and lists have them. */
export async function completeKeys(
  { store, commit, author, examiner }: KeyAuditDependencies,
  onChange = NOTHING,
): Promise<void> {
  let after = 0 as KeyId;
  for (;;) {
    const keys = await store.keyAudit.listIncomplete(after, COMPLETED_PER_STEP);
    const last = keys.at(-1);
    if (last === undefined) return;
    after = last.id;
    await commit(
      async (tx) => {
        await onChange(tx);
        for (const { id, spki } of keys) {
          const hash = examiner.modulusHash(spki);
          if (hash !== undefined) await tx.keyAudit.complete(id, hash);
        }
      },
      { author },
    );
  }
}
