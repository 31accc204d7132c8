/** Usage and impact in the admin API: how many tokens were issued, and how many live ones a deactivation would end. */
import { isoTime } from "../../../core/json/registry.ts";
import type { UsageScope } from "../../../core/keys/usage-store.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { loadAccount } from "../accounts/load-account.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { fieldRefusal } from "../../../core/refusal.ts";
import { parseTime } from "../http/schema.ts";
import { loadKey } from "../keys/load-key.ts";
import { loadUser } from "../users/load-user.ts";
import type { usageRoutes } from "./routes.ts";

const HOUR_SECONDS = 3600;

/** The longest span of usage in one answer, in seconds: 92 days, a quarter of a year. */
const SPAN_SECONDS_MAX = 92 * 86_400;

/** How many API users an impact lists. */
const CLIENTS_SHOWN_MAX = 20;

interface ScopeQuery {
  readonly account?: string;
  readonly username?: string;
  readonly key_id?: number;
}

export interface UsageHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
}

export function createUsageHandlers(dependencies: UsageHandlerDependencies): HandlersOf<typeof usageRoutes> {
  const { store, clock } = dependencies;
  return {
    async getUsage({ principal, query }) {
      const scope = await readScope(principal, query);
      const nowSeconds = Math.floor(clock.wallMs() / 1000);
      const untilSeconds = query.until === undefined ? nowSeconds : Math.ceil(parseTime(query.until) / 1000);
      const fromGiven = query.from === undefined ? untilSeconds - 86_400 : Math.floor(parseTime(query.from) / 1000);
      const fromSeconds = fromGiven - (((fromGiven % HOUR_SECONDS) + HOUR_SECONDS) % HOUR_SECONDS);
      if (!(fromSeconds <= untilSeconds && untilSeconds - fromSeconds <= SPAN_SECONDS_MAX + HOUR_SECONDS)) {
        throw fieldRefusal("field_invalid", "until must be after from, by 92 days at most.", "until");
      }
      const hours = await store.usage.hours(scope, fromSeconds, untilSeconds);
      return {
        data: {
          from: isoTime(fromSeconds * 1000),
          until: isoTime(untilSeconds * 1000),
          hours: hours.map(({ hourSeconds, tokens }) => ({ hour: isoTime(hourSeconds * 1000), tokens })),
        },
      };
    },

    async getUserRefusals({ principal, params, query }) {
      const user = await loadUser(dependencies, principal, params.username);
      const nowMs = clock.wallMs();
      const fromSeconds = (Math.floor(nowMs / 1000 / HOUR_SECONDS) - (query.hours ?? 24) + 1) * HOUR_SECONDS;
      const refusals = await store.usage.userRefusals(user.id, fromSeconds);
      return {
        data: {
          from: isoTime(fromSeconds * 1000),
          until: isoTime(nowMs),
          refusals: refusals.map(({ code, refusals: count, hourSeconds }) => ({
            code,
            refusals: count,
            last_hour: isoTime(hourSeconds * 1000),
          })),
        },
      };
    },

    async getImpact({ principal, query }) {
      const scope = await readScope(principal, query);
      const live = await store.usage.liveTokens(scope, Math.floor(clock.wallMs() / 1000), CLIENTS_SHOWN_MAX);
      return {
        data: {
          live_tokens: live.liveTokens,
          clients: live.users.map(({ username, liveTokens, lastUsedAtMs }) => ({
            username,
            live_tokens: liveTokens,
            last_used_at: isoTime(lastUsedAtMs),
          })),
          client_count: live.userCount,
        },
      };
    },
  };

  async function readScope(principal: Principal, query: ScopeQuery): Promise<UsageScope> {
    const { account, username, key_id: keyId } = query;
    if ([account, username, keyId].filter((given) => given !== undefined).length > 1) {
      throw fieldRefusal("field_invalid", "Give one of account, username and key_id.", "account");
    }
    if (keyId !== undefined) return { keyId: (await loadKey(store, principal, keyId)).id };
    if (username !== undefined) return { userId: (await loadUser(dependencies, principal, username)).id };
    if (account !== undefined) return { accountId: (await loadAccount(store, principal, account)).id };
    return principal.accountId === null ? {} : { accountId: principal.accountId };
  }
}
