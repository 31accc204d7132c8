import type { Account } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { toRow } from "../feed/event.ts";
import type { UnchainedEvent } from "../feed/audit-chain.ts";
import { isExpired } from "../expiry.ts";
import type { KeyId } from "../keys/model.ts";
import { LATER_KEYS_MAX } from "../keys/registered-weakness.ts";
import type { KeyTransaction } from "../keys/store.ts";
import { Refusal } from "../refusal.ts";
import type { ApiUser, ApiUserId } from "../users/model.ts";
import { usernameOf } from "../users/changes.ts";

/** What a batch is about. */
export interface BatchScope {
  readonly usernames: readonly string[];
  readonly modulusHashes: readonly string[];
  /** Keys after `comparedThrough` that the batch's own keys were compared with already. */
  readonly comparedAlready: ReadonlySet<KeyId>;
  /** As in `AdmittedKey`, the same for all keys of the batch; `undefined` if it adds none. */
  readonly comparedThrough: KeyId | undefined;
}

/** Many changes in one transaction. */
export interface BatchTx {
  /**
   * A transaction in which the functions for one user and one key see the batch's own changes, while the store is read and written in a
   * few statements for all of them. Only creating users, adding keys and changing the status of what was added is supported.
   */
  readonly tx: ChangeTx;
  /** Runs the work for one row. If it throws, what it changed is undone, and earlier rows stay. */
  attempt<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Writes everything. To be called once, at the end. */
  write(): Promise<void>;
}

type NewKeyRow = Parameters<KeyTransaction["insertAll"]>[0][number];

/** Reads what the rows of a batch need to know, in a few statements. @throws {OutdatedComparison} */
export async function openBatchTx(tx: ChangeTx, scope: BatchScope): Promise<BatchTx> {
  const { usernames, modulusHashes, comparedAlready, comparedThrough } = scope;
  const wanted = new Set(usernames);
  const users = new Map((await tx.users.findAll([...wanted])).map((user) => [user.username, user]));
  const keysOfModulus = Map.groupBy(await tx.keys.findByModulusHashes(modulusHashes), (key) => key.modulusHash);
  const revoked = new Set(await tx.keys.listRevokedModuli(modulusHashes));
  const laterKeys = comparedThrough === undefined ? [] : await listLaterKeys(tx, comparedThrough, comparedAlready);
  const usernamesById = new Map([...users.values()].map(({ id, username }) => [id, username]));
  const accounts = new Map<string, Account | undefined>();
  const usableKeys = new Map<ApiUserId, number>();
  const userIds = await tx.users.reserveIds(wanted.size - users.size);
  const keyIds = await tx.keys.reserveIds(modulusHashes.filter((hash) => !keysOfModulus.has(hash)).length);
  let usedUserIds = 0;
  let usedKeyIds = 0;
  const newUsers: ApiUser[] = [];
  const newKeys: NewKeyRow[] = [];
  const events: UnchainedEvent[] = [];

  const findNewKey = (id: KeyId) => newKeys.findLastIndex((key) => key.id === id);

  const batch: ChangeTx = {
    ...tx,
    append(event, actor = tx.author.actor) {
      events.push({ atMs: tx.nowMs, actor, ...toRow(event) });
      return Promise.resolve();
    },
    accounts: {
      ...tx.accounts,
      async find(shortname) {
        if (!accounts.has(shortname)) accounts.set(shortname, await tx.accounts.find(shortname));
        return accounts.get(shortname);
      },
    },
    users: {
      ...tx.users,
      find: async (username) => users.get(username) ?? (wanted.has(username) ? undefined : tx.users.find(username)),
      insert({ account, name, access, createdAtMs, mayRotate = false, networks = [], ...notes }) {
        const id = userIds[usedUserIds++];
        if (id === undefined) throw new Error("a batch creates more users than it has names");
        const username = usernameOf(account, name);
        const facts = { username, access, status: "active", createdAtMs, mayRotate, networks } as const;
        const { displayName = null, description = null, contact = null } = notes;
        const noted = { displayName, description, contact, archivedAtMs: null };
        const user: ApiUser = { id, accountId: account.id, account: account.shortname, ...facts, ...noted };
        newUsers.push(user);
        users.set(username, user);
        usernamesById.set(id, username);
        usableKeys.set(id, 0);
        return Promise.resolve(user);
      },
      setStatus(id, status) {
        const index = newUsers.findLastIndex((user) => user.id === id);
        const user = newUsers[index];
        if (user === undefined) throw new Error("a batch changes only users that it has created");
        newUsers[index] = { ...user, status };
        users.set(user.username, { ...user, status });
        return Promise.resolve();
      },
    },
    keys: {
      ...tx.keys,
      find: async (id) => newKeys[findNewKey(id)] ?? tx.keys.find(id),
      findByModulusHash: (hash) => Promise.resolve(keysOfModulus.get(hash) ?? []),
      isModulusRevoked: (hash) => Promise.resolve(revoked.has(hash)),
      async countUsable(userId, nowMs) {
        const known = usableKeys.get(userId) ?? (await tx.keys.countUsable(userId, nowMs));
        usableKeys.set(userId, known);
        return known + newKeys.filter((key) => key.userId === userId && !isExpired(key, nowMs)).length;
      },
      listModuli: async (afterId, limit) =>
        afterId === comparedThrough ? laterKeys.slice(0, limit) : tx.keys.listModuli(afterId, limit),
      insert(key) {
        const id = keyIds[usedKeyIds++];
        if (id === undefined) throw new Error("a batch adds more keys than it has moduli");
        const username = usernamesById.get(key.userId) ?? "";
        const unset = { status: "active", lastUsedAtMs: null, idleSinceDay: 0, weakness: null } as const;
        const row: NewKeyRow = { ...key, id, username, ...unset };
        newKeys.push(row);
        keysOfModulus.set(key.modulusHash, [...(keysOfModulus.get(key.modulusHash) ?? []), row]);
        return Promise.resolve(id);
      },
      setStatus(id, status) {
        const index = findNewKey(id);
        const key = newKeys[index];
        if (key === undefined) throw new Error("a batch changes only keys that it has added");
        newKeys[index] = { ...key, status };
        return Promise.resolve();
      },
    },
  };
  return {
    tx: batch,
    async attempt(work) {
      const before = { users: newUsers.length, keys: newKeys.length, events: events.length };
      const usedIds = { users: usedUserIds, keys: usedKeyIds };
      try {
        return await work();
      } catch (error) {
        for (const { username } of newUsers.splice(before.users)) users.delete(username);
        for (const { id, modulusHash } of newKeys.splice(before.keys)) {
          keysOfModulus.set(
            modulusHash,
            (keysOfModulus.get(modulusHash) ?? []).filter((key) => key.id !== id),
          );
        }
        events.splice(before.events);
        // A later row may have the same user, and there is one id for each.
        usedUserIds = usedIds.users;
        usedKeyIds = usedIds.keys;
        throw error;
      }
    },
    async write() {
      await tx.users.insertAll(newUsers);
      await tx.keys.insertAll(newKeys);
      await tx.events.appendAll(events);
    },
  };
}

/** Others have added more keys since the comparison than a transaction compares with. Nothing was changed; compare the keys again. */
export class OutdatedComparison extends Refusal {
  constructor() {
    super("unavailable", "Too many keys are being added at the same time. Nothing was changed.", {
      hint: "Send it again.",
    });
  }
}

/** Keys that others have added since the comparison. @throws {OutdatedComparison} */
async function listLaterKeys(tx: ChangeTx, through: KeyId, comparedAlready: ReadonlySet<KeyId>) {
  const later = await tx.keys.listModuli(through, LATER_KEYS_MAX + 1 + comparedAlready.size);
  const others = later.filter(({ id }): boolean => !comparedAlready.has(id));
  if (others.length > LATER_KEYS_MAX) throw new OutdatedComparison();
  return others;
}
