import type { Job, JobLease } from "../../jobs/job-runner.ts";
import type { Store } from "../../store/store.ts";
import type { Clock } from "../../surroundings.ts";
import type { KeyId } from "../model.ts";
import { type DueNotice, giveNotices, KEYS_PER_READ, READ_PAUSE_MS, type WalkDependencies } from "./give-notices.ts";
import type { ExpiringKey, ExpiryPlace, KeyNotice } from "./store.ts";

const DAY_MS = 86_400_000;

/** How long before its expiry a key is noticed, nearest first. */
const REMINDERS = [
  { days: 1, notice: "expiring_1d" },
  { days: 7, notice: "expiring_7d" },
  { days: 30, notice: "expiring_30d" },
] as const satisfies readonly { readonly days: number; readonly notice: KeyNotice }[];

/** How often it looks for keys that expire soon, in milliseconds. */
const LOOK_MS = 60_000;

export interface ReminderDependencies extends WalkDependencies {
  readonly store: Pick<Store, "keyNotices">;
  readonly clock: Clock;
}

/**
 * Reminds of keys that expire: an event `key.expiring` 30, 7 and 1 days before, once each for an expiry, and in this order. If the
 * service was down meanwhile, or the expiry was set late, only the nearest reminder is given. There is none for a key that can't be
 * used, or that its client has rotated to another that can.
 */
export function createExpiryReminders({ store, clock, ...walk }: ReminderDependencies): Job {
  return { name: "key-expiry-reminders", intervalMs: LOOK_MS, needsClock: true, run };

  async function run(lease: JobLease): Promise<null> {
    const nowMs = clock.wallMs();
    const untilMs = nowMs + (REMINDERS.at(-1)?.days ?? 0) * DAY_MS;
    // At the instant of its expiry a key has expired.
    let place: ExpiryPlace = { expiresAtMs: nowMs + 1, id: 0 as KeyId };
    while (!lease.signal.aborted) {
      const keys = await store.keyNotices.listByExpiry(place, untilMs, KEYS_PER_READ);
      await giveNotices(
        walk,
        lease,
        keys.flatMap((key) => dueReminder(key, nowMs) ?? []),
      );
      const last = keys.at(-1);
      if (last === undefined || keys.length < KEYS_PER_READ) break;
      place = last;
      await lease.renew();
      await walk.pause(READ_PAUSE_MS, lease.signal);
    }
    return null;
  }
}

/** The nearest reminder that applies, unless it was given. At exactly so many days before, it applies. */
function dueReminder(key: ExpiringKey, nowMs: number): DueNotice | undefined {
  if (!key.isActive || key.isReplaced) return undefined;
  const { expiresAtMs } = key;
  const nearest = REMINDERS.find(({ days }) => expiresAtMs - nowMs <= days * DAY_MS);
  if (nearest === undefined || key.given.includes(nearest.notice)) return undefined;
  const { id: keyId, username, fingerprint, accountId } = key;
  const { notice, days } = nearest;
  const event = { action: "key.expiring", keyId, username, fingerprint, accountId, days, expiresAtMs } as const;
  return { key, notice, aboutMs: expiresAtMs, event };
}
