import type { Clock } from "../surroundings.ts";
import { isUnbound, masterSecretFingerprint, type SigningKeyRecord } from "./signing-keys.ts";
import type { AuditAction } from "../feed/event.ts";
import { createChange } from "../change/change.ts";
import { Refusal } from "../refusal.ts";
import type { LiveNode } from "./store.ts";
import type { Store, StoreTransaction } from "../store/store.ts";

/** A node that wasn't seen for longer counts as gone, in milliseconds. */
export const LIVE_NODE_MS = 15_000;

/** What has become of a new signing key. */
export interface Activation {
  /** The key that waits, or was just activated; `undefined` where none was waiting. */
  readonly key: SigningKeyRecord | undefined;
  /** Live nodes that couldn't check its tokens yet. */
  readonly waitingFor: readonly LiveNode[];
}

/**
 * Changes to signing keys. As with all changes, each is one transaction with its audit event.
 *
 * All reject with {@link Refusal} (`not_found`, `conflict`), and then nothing was changed.
 */
export interface SigningKeyChanges {
  /**
   * Makes the next signing key, which derives from this master secret. It signs nothing until {@link SigningKeyChanges.activate}
   * finds that every live node can check its tokens. Where one is waiting already, it is that one.
   */
  rotate(actor: string, masterSecret: Buffer): Promise<SigningKeyRecord>;
  /**
   * Makes the next signing key, as {@link SigningKeyChanges.rotate} does, where the newest one derives from a master secret
   * alone, as in releases before stores had ids. Nodes of such a release can't check the new key's tokens, so it waits for
   * the last of them to end.
   *
   * @param masterSecrets newest first
   * @returns nothing where the newest key belongs to the store, or one is waiting already
   */
  bindToStore(actor: string, masterSecrets: readonly [Buffer, ...Buffer[]]): Promise<SigningKeyRecord | undefined>;
  /** Lets a waiting key sign, if every live node is ready for it. */
  activate(actor: string): Promise<Activation>;
  /** Ends every token of that number at once. */
  retire(actor: string, number: number): Promise<SigningKeyRecord>;
}

/** @param onChanged awaited after each commit and before the change is acknowledged */
export function createSigningKeyChanges(
  store: Pick<Store, "transaction">,
  clock: Clock,
  onChanged: () => Promise<void> = () => Promise.resolve(),
): SigningKeyChanges {
  const change = createChange(store, onChanged);

  async function append(
    transaction: StoreTransaction,
    actor: string,
    action: AuditAction,
    { number, masterFingerprint }: SigningKeyRecord,
  ): Promise<void> {
    const details = { master_fingerprint: masterFingerprint };
    const subject = `signing_key:${number}`;
    await transaction.events.append({ atMs: clock.wallMs(), actor, action, subject, details });
  }

  /** Makes a key that waits; where one is waiting already, it is that one. */
  async function makeNext(
    transaction: StoreTransaction,
    actor: string,
    masterSecret: Buffer,
  ): Promise<SigningKeyRecord> {
    const keys = await transaction.signingKeys.list();
    const waiting = keys.find(isWaiting);
    if (waiting !== undefined) return waiting;
    const key = {
      number: Math.max(0, ...keys.map(({ number }) => number)) + 1,
      masterFingerprint: masterSecretFingerprint(masterSecret, await transaction.storeId()),
      createdAtMs: clock.wallMs(),
      activatedAtMs: null,
      retiredAtMs: null,
    };
    await transaction.signingKeys.insert(key);
    await append(transaction, actor, "signing_key.created", key);
    return key;
  }

  return {
    rotate(actor, masterSecret) {
      return change((transaction) => makeNext(transaction, actor, masterSecret));
    },

    bindToStore(actor, masterSecrets) {
      return change(async (transaction) => {
        const newest = (await transaction.signingKeys.list()).findLast(({ retiredAtMs }) => retiredAtMs === null);
        if (newest === undefined || !isUnbound(newest, masterSecrets) || isWaiting(newest)) return undefined;
        return makeNext(transaction, actor, masterSecrets[0]);
      });
    },

    activate(actor) {
      return change(async (transaction) => {
        const key = (await transaction.signingKeys.list()).find(isWaiting);
        if (key === undefined) return { key, waitingFor: [] };
        const nodes = await transaction.nodes.listLive(LIVE_NODE_MS);
        const waitingFor = nodes.filter(({ signingKeys }) => !signingKeys.includes(key.number));
        if (waitingFor.length > 0) return { key, waitingFor };
        const activatedAtMs = clock.wallMs();
        await transaction.signingKeys.update(key.number, { activatedAtMs });
        await append(transaction, actor, "signing_key.activated", key);
        return { key: { ...key, activatedAtMs }, waitingFor };
      });
    },

    retire(actor, number) {
      return change(async (transaction) => {
        const keys = await transaction.signingKeys.list();
        const key = keys.find((one) => one.number === number);
        if (key === undefined) throw new Refusal("not_found", `There is no signing key ${number}.`);
        if (key.retiredAtMs !== null) return key;
        const signing = keys.filter((one) => one.retiredAtMs === null && one.activatedAtMs !== null);
        if (signing.every((one) => one.number === number)) {
          throw new Refusal(
            "conflict",
            `Signing key ${number} is the only one that signs. countersign signing-key rotate makes the next one; then retire this.`,
          );
        }
        const retired = { ...key, retiredAtMs: clock.wallMs() };
        await transaction.signingKeys.update(number, { retiredAtMs: retired.retiredAtMs });
        await append(transaction, actor, "signing_key.retired", retired);
        return retired;
      });
    },
  };
}

function isWaiting({ activatedAtMs, retiredAtMs }: SigningKeyRecord): boolean {
  return activatedAtMs === null && retiredAtMs === null;
}
