import type { RefusalCode } from "@countersign/protocol";
import type { UsageStore } from "./keys/usage-store.ts";
import { Refusal } from "./refusal.ts";
import type { Clock } from "./surroundings.ts";
import type { ApiUserId } from "./users/model.ts";
import type { UserStore } from "./users/store.ts";

const HOUR_SECONDS = 3600;

/** How many usernames are remembered between two flushes, and looked up at once. */
const USERNAMES_MAX = 200;

/** No username is longer: `api-`, an id and a name. */
const USERNAME_CHARACTERS_MAX = 80;

/** How many rows one process begins in an hour: API users with one code each. */
const ROWS_PER_HOUR_MAX = 2000;

/**
 * Counts the refused assertions that name an API user, by hour and code, so that an operator sees what a client does wrong.
 *
 * Anybody can send an assertion that names anybody, so everything about this is bounded: names that no API user has are dropped, and
 * beyond the limits nothing is counted. No assertion is kept. It counts in memory, and is written every few seconds; a crash loses
 * what wasn't written yet.
 */
export interface UserRefusals {
  /** @param username unverified */
  record(username: string, code: RefusalCode): void;
  /** Writes the counts since the last flush. If that fails, keeps them for the next one and rejects. */
  flush(): Promise<void>;
}

/** Counts a refusal with {@link UserRefusals.record}. Refusals that say nothing about the client, and errors, aren't counted. */
export type RecordUserRefusal = (username: string, error: unknown) => void;

/** Makes a {@link RecordUserRefusal} for the endpoints that take assertions. */
export function recordingRefusals({ record }: Pick<UserRefusals, "record">): RecordUserRefusal {
  return (username, error) => {
    if (error instanceof Refusal && error.code !== "unavailable") record(username, error.code);
  };
}

type Counts = Map<RefusalCode, number>;

export function createUserRefusals(
  store: { readonly users: Pick<UserStore, "findAll">; readonly usage: Pick<UsageStore, "recordUserRefusals"> },
  clock: Pick<Clock, "wallMs">,
): UserRefusals {
  let pending = new Map<string, Counts>();
  /** The rows that this process has begun in an hour: a user's id and a code. */
  let begun = { hourSeconds: 0, rows: new Set<string>() };

  function add(username: string, code: RefusalCode, refusals: number): void {
    let counts = pending.get(username);
    if (counts === undefined) {
      if (pending.size >= USERNAMES_MAX) return;
      counts = new Map();
      pending.set(username, counts);
    }
    counts.set(code, (counts.get(code) ?? 0) + refusals);
  }

  function mayWrite(userId: ApiUserId, code: RefusalCode, hourSeconds: number): boolean {
    if (begun.hourSeconds !== hourSeconds) begun = { hourSeconds, rows: new Set() };
    const row = `${userId} ${code}`;
    if (!begun.rows.has(row) && begun.rows.size >= ROWS_PER_HOUR_MAX) return false;
    begun.rows.add(row);
    return true;
  }

  return {
    record(username, code) {
      if (username.length <= USERNAME_CHARACTERS_MAX) add(username, code, 1);
    },
    async flush() {
      if (pending.size === 0) return;
      const flushing = pending;
      pending = new Map();
      // The hour of the flush, which follows within seconds.
      const hourSeconds = Math.floor(clock.wallMs() / 1000 / HOUR_SECONDS) * HOUR_SECONDS;
      try {
        const users = await store.users.findAll([...flushing.keys()]);
        const rows = users.flatMap(({ id: userId, username }) =>
          [...(flushing.get(username) ?? [])]
            .filter(([code]) => mayWrite(userId, code, hourSeconds))
            .map(([code, refusals]) => ({ userId, hourSeconds, code, refusals })),
        );
        await store.usage.recordUserRefusals(rows);
      } catch (error) {
        for (const [username, counts] of flushing) for (const [code, refusals] of counts) add(username, code, refusals);
        throw error;
      }
    },
  };
}
