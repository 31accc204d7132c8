import type { WarningItem } from "@countersign/protocol";
import { mayKnow } from "../../core/operators/authorize.ts";
import { createOnce, type Transactions } from "../../core/change/once.ts";
import { checkPreconditions, onlyIfMatch } from "../../core/change/precondition.ts";
import { accountJson, isoTime, keyJson, userJson } from "../../core/json/registry.ts";
import type { ListedAccount, ListedUser, Page } from "../../core/store/queries.ts";
import type { Principal } from "../../core/operators/model.ts";
import { createRegistryChanges, usernameOf } from "../../core/registry-changes.ts";
import { admitPublicKey } from "../../core/keys/admission.ts";
import { keysNeedingKid, needsKidMessage } from "../../core/keys/keys-needing-kid.ts";
import type { Account } from "../../core/accounts/model.ts";
import type { KeyId, PublicKey } from "../../core/keys/model.ts";
import {
  type Administration,
  loadAccount,
  loadAccountOfField,
  loadKey,
  loadUser,
  parseTime,
  todaySeconds,
} from "./administration.ts";
import { pageLinks, parsePage } from "./http/cursor.ts";
import { entityTags } from "./http/entity-tag.ts";
import type { AdminHandlers } from "./http/handlers.ts";
import { requireUnchanged } from "./http/read-only.ts";

type RegistryOperations =
  | "listAccounts"
  | "createAccount"
  | "getAccount"
  | "changeAccount"
  | "listUsers"
  | "createUser"
  | "getUser"
  | "changeUser"
  | "listKeys"
  | "addKey"
  | "inspectKey"
  | "getKey"
  | "changeKey";

/** Accounts, API users and public keys. */
export function createRegistryHandlers(administration: Administration): Pick<AdminHandlers, RegistryOperations> {
  const { store, clock, onChanged } = administration;
  const changesOn = (transactions: Transactions) => createRegistryChanges(transactions, clock, onChanged);
  const shownKey = (key: PublicKey) => keyJson(key, clock.wallMs());

  return {
    async listAccounts({ principal, query, target }) {
      const { q: search, status } = query;
      const page = await store.pageAccounts({ search, status, ...accountFilter(principal) }, parsePage(query));
      return listOf(page, target, (account) => [account.id], shownAccount);
    },

    async createAccount({ principal, body, idempotencyKey }) {
      const outcome = await createOnce<Account>(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createAccount", body],
        create: (transactions) => changesOn(transactions).createAccount(principal.actor, body),
        subjectOf: ({ id }) => `account:${id}`,
      });
      const account = await loadAccount(store, principal, body.shortname);
      return {
        data: shownAccount(account),
        etag: entityTags.account(account),
        location: `/accounts/${account.shortname}`,
        isRepeated: outcome.isRepeated,
      };
    },

    async getAccount({ principal, params }) {
      const account = await loadAccount(store, principal, params.shortname);
      return {
        data: shownAccount(account),
        etag: entityTags.account(account),
      };
    },

    async changeAccount({ principal, params: { shortname }, body, preconditions }) {
      let account = await loadAccount(store, principal, shortname);
      requireUnchanged(body, shownAccount(account), ["status"]);
      const { status } = body;
      if (status === undefined) checkPreconditions(preconditions, entityTags.account(account));
      else {
        const transactions = onlyIfMatch(store, preconditions, async (transaction) => {
          const current = await transaction.findAccount(shortname);
          return current && entityTags.account(current);
        });
        const changed = await changesOn(transactions).setAccountStanding(principal.actor, shortname, status);
        account = { ...account, ...changed };
      }
      return {
        data: shownAccount(account),
        etag: entityTags.account(account),
      };
    },

    async listUsers({ principal, query, target }) {
      const { q, account: shortname, status, access } = query;
      // What a search finds stands together by name; by age it has to be gathered.
      const order = query.order ?? (q === undefined ? "newest" : "name");
      const account = shortname === undefined ? undefined : await store.findAccount(shortname);
      // An account that isn't there, or that they may not know of, has no users.
      const isElsewhere = shortname !== undefined && (account === undefined || !mayKnow(principal, account.id));
      const kinds = order === "name" ? (["string", "number"] as const) : (["number"] as const);
      const page: Page<ListedUser> = isElsewhere
        ? { items: [], hasNext: false, hasPrevious: false, count: 0 }
        : await store.pageUsers(
            { status, access, accountId: account?.id ?? principal.accountId ?? undefined, search: q && searchText(q) },
            order,
            todaySeconds(clock),
            parsePage(query, kinds),
          );
      const keyOf = (user: ListedUser) => (order === "name" ? [nameOf(user), user.id] : [user.id]);
      return listOf(page, target, keyOf, shownUser);
    },

    async createUser({ principal, body, idempotencyKey }) {
      const account = await loadAccountOfField(store, principal, body.account);
      const outcome = await createOnce(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createUser", body],
        create: (transactions) => changesOn(transactions).createUser(principal.actor, body),
        subjectOf: ({ id }) => `user:${id}`,
      });
      const user = await loadUser(administration, principal, usernameOf(account, body.name));
      return {
        data: shownUser(user),
        etag: entityTags.user(user),
        location: `/users/${user.username}`,
        isRepeated: outcome.isRepeated,
      };
    },

    async getUser({ principal, params }) {
      const user = await loadUser(administration, principal, params.username);
      return { data: shownUser(user), etag: entityTags.user(user) };
    },

    async changeUser({ principal, params: { username }, body, preconditions }) {
      const before = await loadUser(administration, principal, username);
      requireUnchanged(body, shownUser(before), ["status"]);
      const { status } = body;
      if (status === undefined) {
        checkPreconditions(preconditions, entityTags.user(before));
        return { data: shownUser(before), etag: entityTags.user(before) };
      }
      const transactions = onlyIfMatch(store, preconditions, async (transaction) => {
        const current = await transaction.findUser(username);
        return current && entityTags.user(current);
      });
      const changed = await changesOn(transactions).setUserStanding(principal.actor, username, status);
      return { data: shownUser({ ...before, ...changed }), etag: entityTags.user(changed) };
    },

    async listKeys({ principal, params, query, target }) {
      const user = await loadUser(administration, principal, params.username);
      const page = await store.pageKeys(user.id, parsePage(query));
      return listOf(page, target, (key) => [key.id], shownKey);
    },

    async addKey({ principal, params: { username }, body, idempotencyKey }) {
      // The text first: whoever sends a private key must learn it whatever else is wrong.
      admitPublicKey(body.public_key);
      await loadUser(administration, principal, username);
      const expiresAtMs = typeof body.expires_at === "string" ? parseTime(body.expires_at) : undefined;
      const outcome = await createOnce(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["addKey", username, body],
        create: (transactions) =>
          changesOn(transactions).addKey(principal.actor, {
            username,
            text: body.public_key,
            label: body.label,
            expiresAtMs,
            knows: (accountId) => mayKnow(principal, accountId),
          }),
        subjectOf: ({ id }) => `key:${id}`,
      });
      const key = outcome.isRepeated
        ? (await loadKey(store, principal, Number(outcome.subject.split(":")[1]))).key
        : outcome.made;
      return {
        data: shownKey(key),
        etag: entityTags.key(key),
        location: `/keys/${key.id}`,
        isRepeated: outcome.isRepeated,
        warnings: await kidWarnings(key),
      };
    },

    inspectKey({ body }) {
      const { fingerprint, thumbprint, bits } = admitPublicKey(body.public_key);
      return Promise.resolve({ data: { fingerprint, thumbprint, bits } });
    },

    async getKey({ principal, params }) {
      const { key } = await loadKey(store, principal, params.id);
      return { data: shownKey(key), etag: entityTags.key(key) };
    },

    async changeKey({ principal, params: { id }, body, preconditions }) {
      const shown = shownKey((await loadKey(store, principal, id)).key);
      // An active key past its expiry is shown as expired: sent back that is no wish, and otherwise it can't be wished for.
      const writable = body.status === "expired" ? ["label", "expires_at"] : ["status", "label", "expires_at"];
      requireUnchanged(body, shown, writable);
      const keyId = id as KeyId;
      const transactions = onlyIfMatch(store, preconditions, async (transaction) => {
        const current = await transaction.findKey(keyId);
        return current && entityTags.key(current);
      });
      const { status, label, expires_at: expiresAt } = body;
      const changed = await changesOn(transactions).changeKey(principal.actor, keyId, {
        status: status === "expired" ? undefined : status,
        label,
        expiresAtMs: typeof expiresAt === "string" ? parseTime(expiresAt) : expiresAt,
      });
      return { data: shownKey(changed), etag: entityTags.key(changed), warnings: await kidWarnings(changed) };
    },
  };

  async function kidWarnings(key: PublicKey): Promise<readonly WarningItem[]> {
    const needing = keysNeedingKid(key, await store.listKeys(key.userId), clock.wallMs());
    return needing.length === 0 ? [] : [{ code: "key_needs_kid", message: needsKidMessage(needing) }];
  }
}

/** A page as an answer. */
export function listOf<Item, Shown>(
  page: Page<Item>,
  target: string,
  keyOf: (item: Item) => readonly (string | number)[],
  show: (item: Item) => Shown,
) {
  return { data: page.items.map(show), count: page.count, ...pageLinks(page, target, keyOf) };
}

/** May whoever asks know of everything, or of one account alone? As a filter. */
export function accountFilter({ accountId }: Principal): { readonly accountId?: NonNullable<typeof accountId> } {
  return accountId === null ? {} : { accountId };
}

function shownAccount(account: ListedAccount) {
  return { ...accountJson(account), users: account.users };
}

/** What follows `api-<account id>-`. */
function nameOf({ username, accountId }: ListedUser): string {
  return username.slice(`api-${accountId}-`.length);
}

function shownUser(user: ListedUser) {
  return {
    ...userJson(user),
    name: nameOf(user),
    active_keys: user.activeKeys,
    keys: user.keys,
    last_used_at: isoTime(user.lastUsedAtMs),
    tokens_today: user.tokensToday,
  };
}

/** Usernames are in lower case; fingerprints and thumbprints, which are of one length each, aren't. */
function searchText(text: string): string {
  const trimmed = text.trim();
  return /^(?:SHA256:[A-Za-z0-9+/]{43}|[A-Za-z0-9_-]{43})$/.test(trimmed) ? trimmed : trimmed.toLowerCase();
}
