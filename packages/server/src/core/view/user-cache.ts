import { LRUCache } from "lru-cache";
import type { AccountId } from "../accounts/model.ts";
import { createCacheReads } from "../feed/cache-reads.ts";
import type { RecordedEvent } from "../feed/event.ts";
import type { FeedFollower } from "../feed/follow-feed.ts";
import type { KeyId } from "../keys/model.ts";
import type { Store } from "../store/store.ts";
import type { ApiUserId } from "../users/model.ts";
import type { ApiUserRecord } from "./record.ts";
import { type ViewKey, type ViewUser, viewUser } from "./view-user.ts";

/** How many users are cached with their parsed keys. A user with two keys of 2048 bits takes about 6 KiB. */
export const CACHED_USERS_MAX = 20_000;

/** How many nonexistent names, and how many nonexistent key ids, are remembered to avoid repeated queries. */
const ABSENT_MAX = 20_000;

/** No username is longer: `api-`, an id of ten digits, a hyphen and a name of 63 characters. */
const USERNAME_CHARACTERS_MAX = 78;

/**
 * API users with their keys, by name and by key id. The result is a promise only if the store must be read. While the feed isn't
 * fresh, every lookup reads the store.
 */
export interface UserCache {
  /** @throws {Refusal} `unavailable` if the store has to be asked and can't be */
  findUser(username: string): ViewUser | undefined | Promise<ViewUser | undefined>;
  /** @throws {Refusal} `unavailable` if the store has to be asked and can't be */
  findKey(keyId: KeyId): ViewKey | undefined | Promise<ViewKey | undefined>;
  figures(): { readonly hits: number; readonly misses: number; readonly users: number };
}

/** Creates an empty cache. Events of the feed evict from it. */
export function createUserCache(
  store: Pick<Store, "users">,
  feed: Pick<FeedFollower, "isFresh" | "subscribe">,
  usersMax = CACHED_USERS_MAX,
): UserCache {
  const usernameIds = new Map<string, ApiUserId>();
  const keyOwnerIds = new Map<KeyId, ApiUserId>();
  const users = new LRUCache<ApiUserId, ViewUser>({ max: usersMax, dispose: removeFromIndexes });
  const absentUsernames = new LRUCache<string, true>({ max: ABSENT_MAX });
  const absentKeys = new LRUCache<KeyId, true>({ max: ABSENT_MAX });
  const reads = createCacheReads<string | KeyId, ViewUser | undefined>(feed);
  let hits = 0;

  feed.subscribe({
    onEvents(events) {
      forgetAbsent();
      for (const { event } of events) evict(event);
    },
    onReset() {
      forgetAbsent();
      users.clear();
    },
  });

  /** Forgets all absent names and ids: any event may have created one, and they are cheap to look up again. */
  function forgetAbsent(): void {
    reads.discard();
    absentUsernames.clear();
    absentKeys.clear();
  }

  function evict(event: RecordedEvent): void {
    switch (event.action) {
      case "account.created":
      case "account.activated":
      case "account.deactivated":
        evictAccount(event.accountId);
        break;
      case "user.created":
      case "user.activated":
      case "user.deactivated":
      case "user.changed":
      case "user.access_changed":
      // A key that was just added isn't in the cache, but its user may be.
      case "key.added":
      case "key.activated":
      case "key.deactivated":
      case "key.revoked":
      case "key.changed":
        evictUser(event.username);
        break;
      case "unknown":
        users.clear();
        break;
      // These events don't affect a user's record.
      case "account.changed":
      case "account.described":
      case "account.archived":
      case "account.restored":
      case "user.described":
      case "user.archived":
      case "user.restored":
      case "key.expiring":
      case "key.unused":
      case "key.found_weak":
      case "signing_key.created":
      case "signing_key.activated":
      case "signing_key.retired":
      case "store.accepted":
      case "resource_server.created":
      case "resource_server.activated":
      case "resource_server.deactivated":
      case "resource_server.rotated":
      case "token.revoked":
      case "operator.created":
      case "operator.changed":
      case "operator.activated":
      case "operator.deactivated":
      case "operator.signed_in":
      case "operator.sign_in_refused":
      case "operator.password_changed":
      case "operator.passkey_added":
      case "operator.passkey_removed":
      case "operator.recovery_codes_renewed":
      case "operator.session_ended":
      case "invitation.created":
      case "invitation.withdrawn":
      case "admin_token.created":
      case "admin_token.revoked":
      case "webhook.created":
      case "webhook.changed":
      case "webhook.activated":
      case "webhook.deactivated":
      case "webhook.rotated":
      case "webhook.disabled":
        break;
      default:
        event satisfies never;
    }
  }

  function evictUser(username: string): void {
    const id = usernameIds.get(username);
    if (id !== undefined) users.delete(id);
  }

  /** Scans every user, which is acceptable because accounts change rarely. */
  function evictAccount(accountId: AccountId): void {
    for (const [id, user] of users.entries()) if (user.accountId === accountId) users.delete(id);
  }

  function removeFromIndexes(user: ViewUser): void {
    usernameIds.delete(user.username);
    for (const key of user.keys) keyOwnerIds.delete(key.id);
  }

  function keep(user: ViewUser): void {
    users.set(user.id, user);
    usernameIds.set(user.username, user.id);
    for (const key of user.keys) keyOwnerIds.set(key.id, user.id);
  }

  return {
    findUser(username) {
      // No user has such a name, and remembering it would let an attacker fill the memory.
      if (username.length > USERNAME_CHARACTERS_MAX) return undefined;
      if (feed.isFresh()) {
        const id = usernameIds.get(username);
        const user = id === undefined ? undefined : users.get(id);
        if (user !== undefined || absentUsernames.get(username) === true) {
          hits++;
          return user;
        }
      }
      return reads.read(
        username,
        async () => parse(await store.users.loadRecord(username)),
        (user) => {
          if (user === undefined) absentUsernames.set(username, true);
          else keep(user);
        },
      );
    },

    findKey(keyId) {
      const keyOf = (user: ViewUser | undefined) => user?.keys.find((key) => key.id === keyId);
      if (feed.isFresh()) {
        const owner = keyOwnerIds.get(keyId);
        const user = owner === undefined ? undefined : users.get(owner);
        if (user !== undefined || absentKeys.get(keyId) === true) {
          hits++;
          return keyOf(user);
        }
      }
      const reading = reads.read(
        keyId,
        async () => parse(await store.users.loadRecordByKey(keyId)),
        (user) => {
          if (user !== undefined) keep(user);
          // A user's record has a limited number of keys: a key beyond that counts as absent.
          if (keyOf(user) === undefined) absentKeys.set(keyId, true);
        },
      );
      return reading.then(keyOf);
    },

    figures: () => ({ hits, misses: reads.misses(), users: users.size }),
  };
}

function parse(record: ApiUserRecord | undefined): ViewUser | undefined {
  return record && viewUser(record);
}
