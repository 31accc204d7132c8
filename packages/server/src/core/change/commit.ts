import { toRow } from "../feed/event.ts";
import { Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";
import { type Author, type ChangeTx, NO_POLICY, type Policy } from "./change-tx.ts";
import { findMade, type Once, rememberMade } from "./once.ts";
import { checkPreconditions, type Preconditions } from "./precondition.ts";

/** Makes a change only to the version that the author has read (RFC 9110 §13.1.1 and 13.1.2). */
export interface IfMatch extends Preconditions {
  /** The current tag of the resource to change. @throws {Refusal} `not_found`, as the change itself does */
  readonly currentTag: (tx: ChangeTx) => Promise<string>;
}

export interface CommitOptions<Result> {
  readonly author: Author;
  readonly ifMatch?: IfMatch | undefined;
  readonly once?: Once<Result> | undefined;
}

/** A change that was made. */
export interface Committed<Result> {
  readonly result: Result;
  /** Was it made earlier, under the same `Idempotency-Key`? If so, this request changed nothing. */
  readonly isRepeated: boolean;
}

/**
 * Makes one change: the work and its audit events in one transaction, so that neither exists without the other. If the work throws,
 * nothing changes. When the promise resolves, the change is durable and in effect on this node.
 *
 * @throws {Refusal} what the work throws; `idempotency_key_reused`; `precondition_failed`; `unavailable` if the store can't be
 *   written, or if the change is durable but this node can't confirm that it is in effect here, which the message says
 */
export type Commit = <Result>(
  work: (tx: ChangeTx) => Promise<Result>,
  options: CommitOptions<Result>,
) => Promise<Committed<Result>>;

/** @param onChanged awaited after each commit and before the change is acknowledged; the server updates its view in it */
export function createCommit(
  store: Pick<Store, "transaction">,
  clock: Clock,
  onChanged: () => Promise<void> = () => Promise.resolve(),
  policy: Policy = NO_POLICY,
): Commit {
  return async (work, { author, ifMatch, once }) => {
    const committed = await store.transaction(async (transaction) => {
      const nowMs = clock.wallMs();
      const tx: ChangeTx = {
        ...transaction,
        author,
        policy,
        nowMs,
        async append(event, actor = author.actor) {
          await transaction.events.append({ atMs: nowMs, actor, ...toRow(event) });
        },
      };
      // Before the version check, because a retry of a successful change names the version before it.
      const made = once && (await findMade(tx, once));
      if (made !== undefined) return { ...made, isRepeated: true };
      if (ifMatch !== undefined) await checkVersion(tx, ifMatch);
      const result = await work(tx);
      if (once !== undefined) await rememberMade(tx, once, result);
      return { result, isRepeated: false };
    });
    try {
      await onChanged();
    } catch (cause) {
      const message =
        "The change was made, but this node can't confirm that it is in effect here. Check before you try again.";
      throw new Refusal("unavailable", message, { cause, retryAfterSeconds: 1 });
    }
    return committed;
  };
}

async function checkVersion(tx: ChangeTx, { ifMatch, ifNoneMatch, currentTag }: IfMatch): Promise<void> {
  if (ifMatch === undefined && ifNoneMatch === undefined) return;
  checkPreconditions({ ifMatch, ifNoneMatch }, await currentTag(tx));
}
