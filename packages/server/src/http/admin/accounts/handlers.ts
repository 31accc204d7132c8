/** Accounts in the admin API. What an account is, and how it changes, is in core/accounts. */
import { changeAccount, createAccount, loadAccount as loadAccountAgain } from "../../../core/accounts/changes.ts";
import type { Commit } from "../../../core/change/commit.ts";
import { accountJson } from "../../../core/json/registry.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import type { ListedAccount } from "../../../core/accounts/store.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { type CursorOrder, isReversed, listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { loadAccount } from "./load-account.ts";
import type { accountRoutes } from "./routes.ts";
import { changeableOf } from "../http/schema.ts";
import { AccountPatch } from "./schemas.ts";

const CHANGEABLE = changeableOf(AccountPatch);

export interface RegistryHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly commit: Commit;
  /** Why clients' addresses aren't known, as the end of a sentence; `undefined` if they are. */
  readonly unnamedProxy: string | undefined;
}

export function createAccountHandlers({
  store,
  commit,
}: RegistryHandlerDependencies): HandlersOf<typeof accountRoutes> {
  return {
    async listAccounts({ principal, query, target }) {
      const { q: search, status, archived, order = "created" } = query;
      const filter = { search: search?.trim(), status, archived, ...accountFilter(principal) };
      const turned = isReversed(query, "ascending");
      const listOrder: CursorOrder =
        order === "shortname"
          ? { name: order, kinds: ["string", "number"], isReversed: turned }
          : { kinds: ["number"], isReversed: turned };
      const page = await store.accounts.page(filter, parsePage(query, listOrder), order);
      const keyOf = ({ shortname, id }: ListedAccount) => (order === "shortname" ? [shortname, id] : [id]);
      return listOf(page, target, keyOf, shownAccount, listOrder);
    },

    async createAccount({ principal, body, idempotencyKey }) {
      const { isRepeated } = await commit((tx) => createAccount(tx, body), {
        author: principal,
        once: {
          key: idempotencyKey,
          request: ["createAccount", body],
          kind: "account",
          idOf: ({ id }) => id,
          again: (tx) => loadAccountAgain(tx, body.shortname),
        },
      });
      const account = await loadAccount(store, principal, body.shortname);
      return {
        data: shownAccount(account),
        etag: entityTags.account(account),
        location: `/accounts/${account.shortname}`,
        isRepeated,
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
      const before = await loadAccount(store, principal, shortname);
      requireUnchanged(body, shownAccount(before), CHANGEABLE);
      const { status, name, key_age_max_seconds: keyAgeMaxSeconds, description, contact, archived } = body;
      const patch = { status, name, keyAgeMaxSeconds, description, contact, archived };
      const { result: account } = await commit((tx) => changeAccount(tx, shortname, patch), {
        author: principal,
        ifMatch: {
          ...preconditions,
          currentTag: async (tx) => entityTags.account(await loadAccountAgain(tx, shortname)),
        },
      });
      return { data: shownAccount({ ...before, ...account }), etag: entityTags.account(account) };
    },
  };
}

function shownAccount(account: ListedAccount) {
  return { ...accountJson(account), users: account.users };
}
