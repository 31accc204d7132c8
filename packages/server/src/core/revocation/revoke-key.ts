import { type ChangeTx, SYSTEM } from "../change/change-tx.ts";
import type { Commit } from "../change/commit.ts";
import { createFairQueue } from "../fair-queue.ts";
import { Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";
import { createWindowCounter } from "../window-counter.ts";
import { checkExponent, type RevokedByStatement, revokeByStatement } from "./revoke-by-statement.ts";
import { parseStatement, type RevocationStatement, verifyStatement } from "./statement.ts";

/** How many statements' signatures are checked concurrently, and how many may wait. Even 8192-bit keys are checked within 0.1 s. */
const RUNNING_MAX = 4;
const WAITING_MAX = 64;

/** How many moduli that no key has one client may have remembered within an hour. */
export const MODULI_PER_CLIENT_MAX = 10;
const MODULI_WINDOW_SECONDS = 3600;
const CLIENTS_MAX = 50_000;

/**
 * Revokes the key that signed a statement ({@link revokeByStatement}). When the promise resolves, its tokens are inactive on this
 * node, and within 100 ms on the others. It resolves in the same way whether or not such a key is registered, and again for a
 * repeated statement, which writes nothing.
 *
 * @param statement the JWS
 * @param client the client's address
 * @throws {Refusal} `revocation_rejected`, `private_key_exposed`, `rate_limited`; `unavailable`
 */
export type RevokeKey = (statement: string, client: string) => Promise<RevokedByStatement>;

export interface RevokeKeyDependencies {
  readonly store: Pick<Store, "keys">;
  readonly commit: Commit;
  readonly clock: Clock;
  /** Awaited where nothing is left to change: another node may have made the change in an event that this node hasn't read yet. */
  readonly onChanged: () => Promise<void>;
  /** Maps an address to the client that it counts as. */
  readonly clientOf: (address: string) => string;
}

const NOTHING: RevokedByStatement = { keys: [], isRemembered: false };

export function createRevokeKey({ store, commit, clock, onChanged, clientOf }: RevokeKeyDependencies): RevokeKey {
  const queue = createFairQueue({ runningMax: RUNNING_MAX, waitingMax: WAITING_MAX, clientOf });
  const remembered = createWindowCounter<string>(MODULI_WINDOW_SECONDS, CLIENTS_MAX);

  /** Without a transaction, so that repeated statements don't occupy the writer. */
  async function isInEffect(statement: RevocationStatement): Promise<boolean> {
    const keys = await store.keys.findByModulusHash(statement.modulusHash);
    if (keys.length === 0) return store.keys.isModulusRevoked(statement.modulusHash);
    checkExponent(keys, statement);
    return keys.every(({ status }) => status === "revoked");
  }

  async function revoke(tx: ChangeTx, statement: RevocationStatement, client: string): Promise<RevokedByStatement> {
    const revoked = await revokeByStatement(tx, statement, client);
    // The exception rolls it back.
    if (revoked.isRemembered) countRemembered(client);
    return revoked;
  }

  function countRemembered(client: string): void {
    const nowMs = clock.monotonicMs();
    const window = remembered.find(clientOf(client), nowMs);
    if (window !== undefined && window.count >= MODULI_PER_CLIENT_MAX) {
      throw new Refusal(
        "rate_limited",
        `No key has this modulus, and ${MODULI_PER_CLIENT_MAX} such moduli were revoked from this address within an hour.`,
        { retryAfterSeconds: Math.ceil((window.endsAtMs - nowMs) / 1000) },
      );
    }
    remembered.add(clientOf(client), nowMs);
  }

  return async (text, client) => {
    const unverified = parseStatement(text);
    const statement = await queue.run(client, () => verifyStatement(unverified));
    try {
      if (await isInEffect(statement)) {
        await onChanged();
        return NOTHING;
      }
      return (await commit((tx) => revoke(tx, statement, client), { author: SYSTEM })).result;
    } catch (cause) {
      if (cause instanceof Refusal) throw cause;
      throw new Refusal("unavailable", "The key can't be revoked right now.", { cause, retryAfterSeconds: 1 });
    }
  };
}
