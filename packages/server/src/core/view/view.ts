import { createHash, createPublicKey } from "node:crypto";
import type { Access } from "@countersign/protocol";
import { LRUCache } from "lru-cache";
import { type VerificationKey, verificationKey } from "../assertion/verify-signature.ts";
import { Refusal } from "../refusal.ts";
import { type Clock, elapsedMs, momentOf } from "../surroundings.ts";
import type { AuditEvent } from "../feed/audit-chain.ts";
import { createDenyList } from "../token/deny-list.ts";
import { formatTokenId, parseTokenId, type TokenIdentity } from "../token/token-identity.ts";
import type { AccountId } from "../accounts/model.ts";
import type { ApiUserId } from "../users/model.ts";
import type { ApiUserRecord, RecordKey } from "./record.ts";
import type { KeyId, KeyStatus } from "../keys/model.ts";
import type { ResourceServer, ResourceServerId } from "../resource-servers/model.ts";
import type { Standing } from "../standing.ts";
import type { FeedPosition, RegistryStore } from "../store/store.ts";
import { isStoreBroken, StoreBroken } from "../store/store-broken.ts";

/** How many users, with their parsed keys, the view keeps. About 6 KiB each with two keys of 2048 bits. */
export const VIEW_USERS_MAX = 20_000;

/** How many names and key ids that don't exist the view remembers, so that asking again costs no query. */
const VIEW_ABSENT_MAX = 20_000;

/** How many resource servers the view keeps. */
const VIEW_RESOURCE_SERVERS_MAX = 10_000;

/** How many revoked tokens are read at once when the view opens. */
const TOKENS_PER_READ = 10_000;

/** A view that wasn't confirmed for so long isn't trusted (1-contract 1.5). */
export const STALENESS_MS_MAX = 5000;

/** No username is longer: `api-`, an id of ten digits, a hyphen and a name of 63 characters. */
const USERNAME_CHARACTERS_MAX = 78;

/** How many events are read from the change feed at once. */
const EVENTS_PER_READ = 500;

/** An API user as requests see it. */
export interface ViewUser {
  readonly id: ApiUserId;
  readonly username: string;
  readonly accountId: AccountId;
  readonly account: string;
  readonly access: Access;
  readonly status: Standing;
  readonly accountStatus: Standing;
  readonly keys: readonly ViewKey[];
}

/** A key as requests see it, parsed once. */
export interface ViewKey extends VerificationKey {
  readonly id: KeyId;
  readonly user: ViewUser;
  readonly thumbprint: string;
  readonly status: KeyStatus;
  readonly expiresAtMs: number | null;
}

/** How often the view knew the answer, and how often the store had to be asked. */
export interface ViewFigures {
  readonly hits: number;
  readonly misses: number;
  readonly users: number;
  /** Tokens on the deny-list. */
  readonly revokedTokens: number;
}

/** Whoever follows the change feed behind the view. */
export interface FeedListener {
  onEvents(events: readonly AuditEvent[]): void;
  /** The store has lost events that were heard of: whatever was learned from them is void. See {@link RegistryView}. */
  onReset(): void;
}

/**
 * What requests read of the registry: a bounded cache, filled on a miss and evicted by the change feed.
 *
 * A value comes back at once where the view has it, as a promise where the store must be asked. A view that hasn't been
 * confirmed for {@link STALENESS_MS_MAX} answers nothing by itself: each decision then asks the store. Nor does one whose store
 * turned out to be broken, from that moment on.
 *
 * A store can lose events: a standby that was behind takes over, or a backup is restored. The chain shows that, and then the
 * view begins anew; tokens that it knows to be revoked stay so.
 */
export interface RegistryView {
  /** @throws {Refusal} `unavailable` where the store has to be asked and can't be */
  findUser(username: string): ViewUser | undefined | Promise<ViewUser | undefined>;
  /** @throws {Refusal} `unavailable` where the store has to be asked and can't be */
  findKey(keyId: KeyId): ViewKey | undefined | Promise<ViewKey | undefined>;
  /**
   * @param mayAsk whether the store may be asked, as it may unless given; where not, what isn't in memory counts as absent
   * @throws {Refusal} `unavailable` where the store has to be asked and can't be
   */
  findResourceServer(
    id: ResourceServerId,
    mayAsk?: boolean,
  ): ResourceServer | undefined | Promise<ResourceServer | undefined>;
  /** Was this very token revoked? @throws {Refusal} `unavailable` where the store has to be asked and can't be */
  isTokenRevoked(token: TokenIdentity): boolean | Promise<boolean>;
  /** Reads the change feed to its end and evicts what it touched. After that the view is confirmed. */
  catchUp(): Promise<void>;
  /** As {@link catchUp}, but costs next to nothing where no other process has committed anything. */
  poll(): Promise<void>;
  /** Is the view confirmed, and not longer ago than the staleness bound? */
  isFresh(): boolean;
  /** How long ago the view was confirmed, in milliseconds; the time counts that the machine has slept. */
  confirmedMsAgo(): number;
  /** The `seq` up to which the view has heard of every event; what it answers is at least as new. */
  position(): number;
  /** The last event that the view has heard of. */
  head(): FeedPosition;
  /**
   * Tells a listener of events after the view has taken them in, in their order.
   *
   * @returns ends that
   */
  subscribe(listener: FeedListener): () => void;
  /** Forgets revoked tokens that expired before this. */
  forgetExpiredTokens(beforeSeconds: number): void;
  figures(): ViewFigures;
}

/** Opens a view on the store as it is now. */
export async function openRegistryView(
  store: RegistryStore,
  clock: Clock,
  usersMax = VIEW_USERS_MAX,
): Promise<RegistryView> {
  const usernameIds = new Map<string, ApiUserId>();
  const keyOwnerIds = new Map<KeyId, ApiUserId>();
  const users = new LRUCache<ApiUserId, ViewUser>({ max: usersMax, dispose: forget });
  const absentUsernames = new LRUCache<string, true>({ max: VIEW_ABSENT_MAX });
  const absentKeys = new LRUCache<KeyId, true>({ max: VIEW_ABSENT_MAX });
  const resourceServers = new LRUCache<ResourceServerId, ResourceServer>({ max: VIEW_RESOURCE_SERVERS_MAX });
  // Apart: ids that strangers make up must not push real ones out.
  const absentResourceServers = new LRUCache<ResourceServerId, true>({ max: VIEW_ABSENT_MAX });
  const denyList = createDenyList();
  const listeners = new Set<FeedListener>();
  /** Loads under way, so that a stampede for one user asks once. Emptied by every eviction: see `load`. */
  let loads = new Map<string | KeyId, Promise<unknown>>();
  let hits = 0;
  let misses = 0;

  /** The feed was read to its end after this was so. */
  let marker = await store.changeMarker();
  /** A reading began and hasn't succeeded: SQLite's marker doesn't move for changes of this very process. */
  let mustRead = false;
  let { seq, hash } = await store.lastEvent();
  let confirmedAt = momentOf(clock);
  /** What was read was read from another store than the one that is there now: nothing of it counts, however new it is. */
  let isBroken = false;
  // After `seq`: what is revoked meanwhile comes again as an event.
  await readDenyList();
  /** The last reading of the feed that was asked for, whether it succeeded or not. */
  let lastReading: Promise<void> = Promise.resolve();

  function forget(user: ViewUser): void {
    usernameIds.delete(user.username);
    for (const key of user.keys) keyOwnerIds.delete(key.id);
  }

  function remember(user: ViewUser): void {
    users.set(user.id, user);
    usernameIds.set(user.username, user.id);
    for (const key of user.keys) keyOwnerIds.set(key.id, user.id);
  }

  /** Also what the clock takes for expired: right after a start it may be wrong. */
  async function readDenyList(): Promise<void> {
    for (let after = 0; ; ) {
      const { tokens, next } = await store.revokedTokens(0, after, TOKENS_PER_READ);
      if (tokens.length === 0) return;
      for (const token of tokens) denyList.add(token);
      after = next;
    }
  }

  function confirmedMsAgo(): number {
    return elapsedMs(clock, confirmedAt);
  }

  function isFresh(): boolean {
    return !isBroken && confirmedMsAgo() <= STALENESS_MS_MAX;
  }

  /**
   * Asks the store, and keeps the answer. A change that commits while the answer is under way may be missing from it. Such an answer is
   * right for the requests that began before the change was acknowledged, and for no others: it is neither kept nor
   * shared with a later request, since every eviction starts a new generation of `loads`.
   */
  function load<Value>(by: string | KeyId, ask: () => Promise<Value>, keep: (value: Value) => void): Promise<Value> {
    misses++;
    const generation = loads;
    // An unconfirmed view doesn't hear of changes, so that a question asked earlier may have an answer from before one.
    const shared = isFresh() ? generation.get(by) : undefined;
    // Names of different kinds of question differ, so the answer is of this kind.
    if (shared !== undefined) return shared as Promise<Value>;
    const loading = (async () => {
      try {
        const value = await ask();
        if (generation === loads && isFresh()) keep(value);
        return value;
      } catch (cause) {
        throw new Refusal("unavailable", "The registry can't be asked right now.", { cause, retryAfterSeconds: 1 });
      }
    })();
    generation.set(by, loading);
    const settled = () => {
      if (generation.get(by) === loading) generation.delete(by);
    };
    loading.then(settled, settled);
    return loading;
  }

  function loadUser(
    by: string | KeyId,
    ask: () => Promise<ApiUserRecord | undefined>,
    isAnswer: (user: ViewUser | undefined) => boolean,
    rememberAbsence: () => void,
  ): Promise<ViewUser | undefined> {
    const askAndParse = async () => {
      const record = await ask();
      return record && viewUser(record);
    };
    return load(by, askAndParse, (user) => {
      if (user !== undefined) remember(user);
      if (!isAnswer(user)) rememberAbsence();
    });
  }

  function takeIn(events: readonly AuditEvent[]): void {
    // Absences are cheap to learn again; an account's users aren't indexed, and accounts change rarely.
    loads = new Map();
    absentUsernames.clear();
    absentKeys.clear();
    absentResourceServers.clear();
    for (const { subject, details } of events) {
      const [kind, id = ""] = subject.split(":");
      if (kind === "account") evictAccount(Number(id) as AccountId);
      else if (kind === "resource_server") resourceServers.delete(Number(id) as ResourceServerId);
      else if (kind === "token") deny(parseTokenId(id));
      // A key that was just added isn't in the view, but its user may be: events of users and keys name the user.
      else if (typeof details["username"] === "string") evictUser(details["username"]);
    }
  }

  function deny(token: TokenIdentity | undefined): void {
    if (token !== undefined) denyList.add(token);
  }

  function evictUser(username: string): void {
    const id = usernameIds.get(username);
    if (id !== undefined) users.delete(id);
  }

  function evictAccount(accountId: AccountId): void {
    for (const [id, user] of users.entries()) if (user.accountId === accountId) users.delete(id);
  }

  /** @param markerBefore the store's marker, taken before */
  async function readFeed(markerBefore: string | undefined): Promise<void> {
    // Taken before the reading: what commits during it counts as not yet confirmed.
    const startedAt = momentOf(clock);
    mustRead = true;
    for (;;) {
      // From the last one that was heard of, to see that it is still there.
      const events = await readAfterKnown();
      if (events === undefined) {
        await startAnew();
        continue;
      }
      const last = events.at(-1);
      if (last === undefined) break;
      takeIn(events);
      ({ seq, hash } = last);
      for (const listener of listeners) listener.onEvents(events);
    }
    confirmedAt = startedAt;
    mustRead = false;
    if (markerBefore !== undefined) marker = markerBefore;
  }

  /** The events after the last one that was heard of; `undefined` where that isn't there any more. */
  async function readAfterKnown(): Promise<readonly AuditEvent[] | undefined> {
    if (seq === 0) return store.eventsAfter(0, EVENTS_PER_READ);
    const [known, ...events] = await store.eventsAfter(seq - 1, EVENTS_PER_READ + 1);
    return known?.seq === seq && known.hash === hash ? events : undefined;
  }

  /** Forgets everything that an event may have told that isn't there any more. */
  async function startAnew(): Promise<void> {
    const last = await store.lastEvent();
    await readDenyList();
    // All of it at once: where something before failed, this begins anew again; and what was asked before the last event was
    // read may lack what that event and those before it told.
    loads = new Map();
    users.clear();
    absentUsernames.clear();
    absentKeys.clear();
    absentResourceServers.clear();
    resourceServers.clear();
    ({ seq, hash } = last);
    for (const listener of listeners) listener.onReset();
  }

  async function noticeBroken(read: () => Promise<void>): Promise<void> {
    try {
      await read();
      isBroken = false;
    } catch (error) {
      if (isStoreBroken(error)) isBroken = true;
      throw error;
    }
  }

  /** Readings run one after the other: one under way may have passed the place where a caller's change is. */
  async function read(markerBefore?: string): Promise<void> {
    const reading = lastReading.then(() => noticeBroken(() => readFeed(markerBefore)));
    lastReading = reading.catch(() => undefined);
    await reading;
  }

  const view: RegistryView = {
    findUser(username) {
      // Nobody has such a name, and remembering it would let strangers fill the memory.
      if (username.length > USERNAME_CHARACTERS_MAX) return undefined;
      if (isFresh()) {
        const id = usernameIds.get(username);
        const user = id === undefined ? undefined : users.get(id);
        if (user !== undefined || absentUsernames.get(username) === true) {
          hits++;
          return user;
        }
      }
      return loadUser(
        // A prefix for each kind of question: a name is a stranger's text, and must not pass for another kind's.
        `user ${username}`,
        () => store.loadUserByName(username),
        (user) => user !== undefined,
        () => absentUsernames.set(username, true),
      );
    },

    findKey(keyId) {
      const ofUser = (user: ViewUser | undefined) => user?.keys.find((key) => key.id === keyId);
      if (isFresh()) {
        const owner = keyOwnerIds.get(keyId);
        const user = owner === undefined ? undefined : users.get(owner);
        if (user !== undefined || absentKeys.get(keyId) === true) {
          hits++;
          return ofUser(user);
        }
      }
      return loadUser(
        keyId,
        () => store.loadUserByKey(keyId),
        // A user's record holds so many keys and no more: a key beyond that counts as absent.
        (user) => ofUser(user) !== undefined,
        () => absentKeys.set(keyId, true),
      ).then(ofUser);
    },

    findResourceServer(id, mayAsk = true) {
      if (isFresh()) {
        const known = resourceServers.get(id);
        if (known !== undefined) {
          hits++;
          return known;
        }
      }
      if (isFresh() && absentResourceServers.get(id) === true) {
        hits++;
        return undefined;
      }
      if (!mayAsk) return undefined;
      return load(
        `resource server ${id}`,
        () => store.loadResourceServer(id),
        (server) => {
          if (server === undefined) absentResourceServers.set(id, true);
          else resourceServers.set(id, server);
        },
      );
    },

    isTokenRevoked(token) {
      // Once revoked, always revoked: a yes needs no confirmation.
      if (denyList.has(token)) return true;
      if (isFresh()) return false;
      return load(
        `token ${formatTokenId(token)}`,
        () => store.isTokenRevoked(token),
        () => undefined,
      );
    },

    catchUp: () => read(),

    poll: () =>
      noticeBroken(async () => {
        const startedAt = momentOf(clock);
        const nowMarker = await store.changeMarker();
        // What was forgotten or missed while the store was broken comes with a reading.
        if (mustRead || isBroken || nowMarker !== marker) await read(nowMarker);
        // A reading may have begun and ended meanwhile.
        else if (startedAt.monotonicMs >= confirmedAt.monotonicMs) confirmedAt = startedAt;
      }),

    isFresh,
    confirmedMsAgo,
    position: () => seq,
    head: () => ({ seq, hash }),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    forgetExpiredTokens: (beforeSeconds) => {
      denyList.forgetExpired(beforeSeconds);
    },
    figures: () => ({ hits, misses, users: users.size, revokedTokens: denyList.size }),
  };
  return view;
}

function viewUser({ user, accountStatus, keys }: ApiUserRecord): ViewUser {
  const viewKeys: ViewKey[] = [];
  const { id, username, accountId, account, access, status } = user;
  const view: ViewUser = { id, username, accountId, account, access, status, accountStatus, keys: viewKeys };
  for (const key of keys) viewKeys.push(viewKey(key, view));
  return view;
}

/** @throws {StoreBroken} where the key isn't the one that was registered: its signatures would be refused as another key's */
function viewKey(key: RecordKey, user: ViewUser): ViewKey {
  const keyObject = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
  const { e, n } = keyObject.export({ format: "jwk" });
  // RFC 7638, section 3: the members in this order, without spaces.
  const thumbprint = createHash("sha256").update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest("base64url");
  if (thumbprint !== key.thumbprint) throw new StoreBroken("a public key in it is damaged");
  return {
    id: key.id,
    user,
    thumbprint: key.thumbprint,
    status: key.status,
    expiresAtMs: key.expiresAtMs,
    ...verificationKey(keyObject),
  };
}
