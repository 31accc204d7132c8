import type { AuditAction } from "../feed/event.ts";
import { createChange } from "../change/change.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import type { Clock, Random } from "../surroundings.ts";
import { masterSecretFingerprint } from "../signing-keys/signing-keys.ts";
import type { StorePosition } from "./position.ts";

/** Length of a store's id in bytes. */
const STORE_ID_BYTES = 16;

/** What accepting a store did. */
export interface AcceptedStore {
  readonly storeId: string;
  /** The signing key that signs from now on. */
  readonly signingKey: number;
  /** Those whose tokens were ended. */
  readonly retired: readonly number[];
}

export interface AcceptDependencies {
  readonly store: Pick<Store, "transaction">;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Accepts a store as it is, such as one that was restored or whose master secret is lost. In one transaction with its events:
 * the store gets a new id, every signing key is retired, and a new one signs at once. No token of before is good from then on,
 * whatever its number: what is undone may have been the revocation of its key, and its ids may be given to others. Ids that
 * are remembered aren't given again all the same.
 *
 * @param masterSecret from which the new signing key derives
 * @param remembered the highest ids that the store had given, if that is known
 */
export function acceptStore(
  { store, clock, random }: AcceptDependencies,
  actor: string,
  masterSecret: Buffer,
  remembered: StorePosition | undefined,
): Promise<AcceptedStore> {
  const change = createChange(store, () => Promise.resolve());
  const append = async (
    transaction: StoreTransaction,
    action: AuditAction,
    subject: string,
    details: Readonly<Record<string, string>>,
  ) => {
    await transaction.events.append({ atMs: clock.wallMs(), actor, action, subject, details });
  };
  return change(async (transaction) => {
    const storeId = random.bytes(STORE_ID_BYTES).toString("hex");
    await transaction.renewStoreId(storeId);
    await append(transaction, "store.accepted", `store:${storeId}`, {});
    if (remembered !== undefined) await transaction.raiseIds(remembered.ids);

    const keys = await transaction.signingKeys.list();
    const retired = keys.filter(({ retiredAtMs }) => retiredAtMs === null);
    for (const { number, masterFingerprint } of retired) {
      await transaction.signingKeys.update(number, { retiredAtMs: clock.wallMs() });
      await append(transaction, "signing_key.retired", `signing_key:${number}`, {
        master_fingerprint: masterFingerprint,
      });
    }
    const signingKey = Math.max(remembered?.ids.signingKeys ?? 0, ...keys.map(({ number }) => number)) + 1;
    const masterFingerprint = masterSecretFingerprint(masterSecret, storeId);
    await transaction.signingKeys.insert({
      number: signingKey,
      masterFingerprint,
      createdAtMs: clock.wallMs(),
      activatedAtMs: clock.wallMs(),
      retiredAtMs: null,
    });
    await append(transaction, "signing_key.created", `signing_key:${signingKey}`, {
      master_fingerprint: masterFingerprint,
    });
    return { storeId, signingKey, retired: retired.map(({ number }) => number) };
  });
}
