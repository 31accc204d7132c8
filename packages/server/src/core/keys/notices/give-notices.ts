import { SYSTEM } from "../../change/change-tx.ts";
import type { Commit } from "../../change/commit.ts";
import type { Event } from "../../feed/event.ts";
import type { JobLease } from "../../jobs/job-runner.ts";
import type { Pause } from "../../surroundings.ts";
import type { KeyNotice, NoticedKey } from "./store.ts";

/** How many keys a walk reads at once. */
export const KEYS_PER_READ = 500;

/** The pause between two reads, in milliseconds: requests come first. */
export const READ_PAUSE_MS = 20;

/** How many notices one change gives at most. */
const NOTICES_PER_CHANGE = 50;

/** The pause for each notice, in milliseconds: a first run over a large registry adds at most 10 events a second to the audit log. */
const NOTICE_PAUSE_MS = 100;

/** A notice to give, with its event. */
export interface DueNotice {
  readonly key: NoticedKey;
  readonly notice: KeyNotice;
  /** The expiry, or the last use, that it is about. */
  readonly aboutMs: number;
  readonly event: Event;
}

/** What walks over keys need. */
export interface WalkDependencies {
  readonly commit: Commit;
  readonly pause: Pause;
}

/**
 * Gives notices, a few in each change together with their events, so that an interruption neither loses nor repeats one. A notice
 * that was given before is skipped. Stops when the lease's signal is aborted.
 *
 * @throws {LeaseLost} before the change in which another node would give the same notices
 */
export async function giveNotices(
  { commit, pause }: WalkDependencies,
  lease: JobLease,
  notices: readonly DueNotice[],
): Promise<void> {
  for (let start = 0; start < notices.length && !lease.signal.aborted; start += NOTICES_PER_CHANGE) {
    const some = notices.slice(start, start + NOTICES_PER_CHANGE);
    await commit(
      async (tx) => {
        await lease.hold(tx);
        for (const { key, notice, aboutMs, event } of some) {
          // It may have changed since it was read.
          const now = await tx.keys.find(key.id);
          if (now?.status !== "active" || now.expiresAtMs !== key.expiresAtMs) continue;
          if (await tx.keyNotices.give(key.id, notice, aboutMs)) await tx.append(event);
        }
      },
      { author: SYSTEM },
    );
    await pause(NOTICE_PAUSE_MS * some.length, lease.signal);
  }
}
