import type { Author, ChangeTx } from "../../change/change-tx.ts";
import type { Commit } from "../../change/commit.ts";
import { Refusal } from "../../refusal.ts";
import type { Store } from "../../store/store.ts";
import type { KeyId, Weakness } from "../model.ts";
import { recordWeakness, type WeakKey, type WeakKeyPolicy } from "./record-weakness.ts";
import type { AuditedKey, ModulusFacts } from "./store.ts";

/** How many keys one step examines, and one change records at most. */
const KEYS_PER_STEP = 50;

/** How many keys one change completes. */
const COMPLETED_PER_STEP = 200;

/** Examines stored keys as if they were added now, except for what depends on the registry's other keys. */
export interface ExamineStoredKey {
  /** The first weakness that is found; `undefined` if there is none. @throws {Refusal} `unavailable` if it can't be examined now */
  examine(key: Pick<AuditedKey, "spki" | "bits">): Promise<Weakness | undefined>;
  /** The hash by which the key's modulus is known. @throws {Error} if the stored key can't be read */
  modulusHash(spki: Uint8Array): string;
}

export interface KeyAuditDependencies {
  readonly store: Pick<Store, "keyAudit">;
  readonly commit: Commit;
  readonly author: Author;
  readonly policy: WeakKeyPolicy;
  readonly examiner: ExamineStoredKey;
  /** Called for a stored key that can't be read; it is skipped. */
  readonly onUnreadable: (keyId: KeyId, error: unknown) => void;
}

/** Called at the beginning of each change of an audit. If it throws, the change isn't made. */
export type OnAuditChange = (tx: ChangeTx, reached?: KeyId) => Promise<void>;

/** What one step found. */
export interface AuditStep {
  /** The last key that was looked at; `undefined` if no key is left. */
  readonly reached: KeyId | undefined;
  /** The keys that were examined. */
  readonly examined: number;
  /** All of them that are weak, whether that was known before or not. */
  readonly weak: readonly WeakKey[];
}

/** Examines the next stored keys after `after` that aren't revoked, and records what changed. */
export async function auditStep(
  { store, commit, author, policy, examiner, onUnreadable }: KeyAuditDependencies,
  after: KeyId,
  onChange: OnAuditChange = () => Promise.resolve(),
): Promise<AuditStep> {
  const keys = await store.keyAudit.listById(after, KEYS_PER_STEP);
  const reached = keys.at(-1)?.id;
  const usable = keys.filter(({ status }) => status !== "revoked");
  const facts = await store.keyAudit.factsOf(usable.map(({ modulusHash }) => modulusHash));
  const found = new Map<AuditedKey, Weakness | null>();
  for (const key of usable) {
    let own: Weakness | undefined;
    try {
      own = await examiner.examine(key);
    } catch (error) {
      // A refusal says that no key can be examined now.
      if (error instanceof Refusal) throw error;
      onUnreadable(key.id, error);
      continue;
    }
    found.set(key, weaknessOf(key, own, facts.get(key.modulusHash)));
  }
  const known: WeakKey[] = [];
  const changed: [AuditedKey, Weakness | null][] = [];
  for (const [key, weakness] of found) {
    const isToDeactivate = weakness !== null && policy === "deactivate" && key.status === "active";
    if (weakness !== key.weakness || isToDeactivate) changed.push([key, weakness]);
    else if (weakness !== null) known.push({ key, weakness, isNew: false, isDeactivated: false });
  }
  const recorded: WeakKey[] = [];
  if (changed.length > 0) {
    await commit(
      async (tx) => {
        await onChange(tx, reached);
        for (const [key, weakness] of changed) {
          const weak = await recordWeakness(tx, key, weakness, policy);
          if (weak !== undefined) recorded.push(weak);
        }
      },
      { author },
    );
  }
  const weak = [...known, ...recorded].toSorted((a, b) => a.key.id - b.key.id);
  return { reached, examined: found.size, weak };
}

/** Completes the keys that an older release added during an upgrade, so that duplicates and lists have them. */
export async function completeKeys(
  { store, commit, author, examiner, onUnreadable }: KeyAuditDependencies,
  onChange: OnAuditChange = () => Promise.resolve(),
): Promise<void> {
  let after = 0 as KeyId;
  for (;;) {
    const keys = await store.keyAudit.listIncomplete(after, COMPLETED_PER_STEP);
    const last = keys.at(-1);
    if (last === undefined) return;
    after = last.id;
    const hashes = keys.flatMap(({ id, spki }) => {
      try {
        return [{ id, hash: examiner.modulusHash(spki) }];
      } catch (error) {
        onUnreadable(id, error);
        return [];
      }
    });
    await commit(
      async (tx) => {
        await onChange(tx);
        for (const { id, hash } of hashes) await tx.keyAudit.complete(id, hash);
      },
      { author },
    );
  }
}

/**
 * A shared prime stays: the other key is known to the search for shared primes alone, and revoking it doesn't make this key any
 * better.
 */
function weaknessOf(key: AuditedKey, own: Weakness | undefined, facts: ModulusFacts | undefined): Weakness | null {
  if (key.weakness === "shared_prime") return "shared_prime";
  if (own !== undefined) return own;
  if (facts?.isRevoked === true) return "revoked";
  return facts?.isShared === true ? "duplicate" : null;
}
