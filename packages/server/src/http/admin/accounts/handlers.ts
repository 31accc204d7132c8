/** Accounts in the admin API. What an account is, and how it changes, is in core/accounts. */
import { createOnce, type Transactions } from "../../../core/change/once.ts";
import { checkPreconditions, onlyIfMatch } from "../../../core/change/precondition.ts";
import type { Account } from "../../../core/accounts/model.ts";
import { accountJson } from "../../../core/json/registry.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import { createRegistryChanges } from "../../../core/registry-changes.ts";
import type { ListedAccount } from "../../../core/accounts/store.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { loadAccount } from "./load-account.ts";
import type { accountRoutes } from "./routes.ts";

export interface RegistryHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  /** Awaited after each change and before it is acknowledged: the change then holds on this node. */
  readonly onChanged: () => Promise<void>;
}

export function createAccountHandlers({
  store,
  clock,
  onChanged,
}: RegistryHandlerDependencies): HandlersOf<typeof accountRoutes> {
  const changesOn = (transactions: Transactions) => createRegistryChanges(transactions, clock, onChanged);
  return {
    async listAccounts({ principal, query, target }) {
      const { q: search, status } = query;
      const page = await store.accounts.page({ search, status, ...accountFilter(principal) }, parsePage(query));
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
          const current = await transaction.accounts.find(shortname);
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
  };
}

function shownAccount(account: ListedAccount) {
  return { ...accountJson(account), users: account.users };
}
