import type { Job, JobLease } from "../../jobs/job-runner.ts";
import type { Store } from "../../store/store.ts";
import type { Clock } from "../../surroundings.ts";
import { isExpired } from "../../expiry.ts";
import type { KeyId } from "../model.ts";
import { type DueNotice, giveNotices, KEYS_PER_READ, READ_PAUSE_MS, type WalkDependencies } from "./give-notices.ts";
import type { IdlePlace, NoticedKey } from "./store.ts";

const DAY_MS = 86_400_000;

/** After this time without use a key is noticed, in milliseconds, inclusive. */
export const UNUSED_MS = 90 * DAY_MS;

export interface UnusedKeyDependencies extends WalkDependencies {
  readonly store: Pick<Store, "keyNotices">;
  readonly clock: Clock;
}

/**
 * Finds keys that could be used but haven't been for 90 days, counted from the last use, or from the creation if there was none: an
 * event `key.unused`, once for each last use. It looks daily.
 */
export function createUnusedKeySearch({ store, clock, ...walk }: UnusedKeyDependencies): Job {
  return { name: "unused-keys", intervalMs: DAY_MS, needsClock: true, run };

  async function run(lease: JobLease): Promise<null> {
    const untilDay = Math.floor((clock.wallMs() - UNUSED_MS) / DAY_MS);
    let place: IdlePlace = { idleSinceDay: 0, id: 0 as KeyId };
    while (!lease.signal.aborted) {
      const keys = await store.keyNotices.listIdle(place, untilDay, KEYS_PER_READ);
      const nowMs = clock.wallMs();
      const unused = keys.filter(
        (key) => key.isActive && !key.isNoticed && !isExpired(key, nowMs) && nowMs - idleSinceMs(key) >= UNUSED_MS,
      );
      await giveNotices(walk, lease, unused.map(unusedNotice));
      const last = keys.at(-1);
      if (last === undefined || keys.length < KEYS_PER_READ) break;
      place = last;
      await lease.renew();
      await walk.pause(READ_PAUSE_MS, lease.signal);
    }
    return null;
  }
}

function idleSinceMs({ lastUsedAtMs, createdAtMs }: NoticedKey): number {
  return lastUsedAtMs ?? createdAtMs;
}

function unusedNotice(key: NoticedKey): DueNotice {
  const { id: keyId, username, fingerprint, accountId, createdAtMs, lastUsedAtMs } = key;
  const event = { action: "key.unused", keyId, username, fingerprint, accountId, createdAtMs, lastUsedAtMs } as const;
  return { key, notice: "unused", aboutMs: idleSinceMs(key), event };
}
