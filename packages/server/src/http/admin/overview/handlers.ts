/** The overview in the admin API. Every figure is read from an index and counted as far as lists count. */
import { isoTime, nodeJson } from "../../../core/json/registry.ts";
import { findFirstCheck } from "../../../core/jobs/first-check.ts";
import type { UserFilter } from "../../../core/users/store.ts";
import { countKeys } from "../../../core/keys/key-counts.ts";
import type { Principal } from "../../../core/operators/model.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import { LIVE_NODE_MS } from "../../../core/signing-keys/changes.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { eventPresenter } from "../audit/present-event.ts";
import { loadAccount } from "../accounts/load-account.ts";
import type { HandlersOf } from "../http/handlers.ts";
import type { overviewRoutes } from "./routes.ts";

const DAY_MS = 86_400_000;
const HOUR_SECONDS = 3600;

const CHANGES_SHOWN = 10;

/** With more API users than this, the first steps are long done. */
const NEWCOMERS_USERS_MAX = 20;

export interface OverviewHandlerDependencies {
  readonly store: Store;
  readonly clock: Pick<Clock, "wallMs">;
}

interface OverviewRequest {
  readonly principal: Pick<Principal, "accountId">;
  readonly query: { readonly account?: string };
}

export function createOverviewHandlers({ store, clock }: OverviewHandlerDependencies) {
  return {
    async getOverview({ principal, query }: OverviewRequest) {
      const account = query.account === undefined ? undefined : await loadAccount(store, principal, query.account);
      const accountId = account?.id ?? principal.accountId;
      const scope = accountFilter({ accountId });
      const isEverywhere = accountId === null;
      const nowMs = clock.wallMs();
      const nowSeconds = Math.ceil(nowMs / 1000);
      const sinceSeconds = Math.floor(nowSeconds / HOUR_SECONDS) * HOUR_SECONDS - 23 * HOUR_SECONDS;
      const todaySeconds = Math.floor(nowMs / DAY_MS) * 86_400;
      const countUsers = async (filter: UserFilter) =>
        (await store.users.page({ ...scope, ...filter }, "newest", todaySeconds, { limit: 1 })).count;
      const [hours, accounts, users, activeUsers, deactivatedUsers, keys, deactivatedKeys, changes] = await Promise.all(
        [
          store.usage.hours(isEverywhere ? {} : { accountId }, sinceSeconds, nowSeconds + 1),
          store.accounts.page(scope, { limit: 1 }),
          countUsers({}),
          countUsers({ status: "active" }),
          countUsers({ status: "deactivated" }),
          countKeys(store.keys, nowMs, scope),
          store.keys.count({ ...scope, status: "deactivated" }, nowMs),
          store.events.page(scope, { limit: CHANGES_SHOWN }),
        ],
      );
      return {
        data: {
          tokens: hours.map(({ hourSeconds, tokens }) => ({ hour: isoTime(hourSeconds * 1000), tokens })),
          ...(isEverywhere && {
            refusals: await store.usage.refusals(sinceSeconds),
            nodes: (await store.nodes.listLive(LIVE_NODE_MS)).map(nodeJson),
          }),
          accounts: accounts.count,
          users,
          users_by_status: { active: activeUsers, deactivated: deactivatedUsers },
          keys: { ...keys, deactivated: deactivatedKeys },
          first_steps: users > NEWCOMERS_USERS_MAX ? null : await findFirstSteps(scope, todaySeconds),
          changes: changes.items.map(eventPresenter(principal)),
        },
      };
    },
  } satisfies HandlersOf<typeof overviewRoutes>;

  async function findFirstSteps(scope: UserFilter, todaySeconds: number) {
    const page = { limit: NEWCOMERS_USERS_MAX };
    const { items: users } = await store.users.page(scope, "newest", todaySeconds, page);
    return {
      user: users.length > 0,
      key: users.some(({ keys }) => keys > 0),
      token: users.some(({ lastUsedAtMs }) => lastUsedAtMs !== null),
      check: (await findFirstCheck(store.jobs)) !== null,
    };
  }
}
