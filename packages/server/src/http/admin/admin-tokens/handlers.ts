/** Admin tokens, by which programs use the admin API. */
import { createOnce } from "../../../core/change/once.ts";
import { adminTokenJson } from "../../../core/json/operators.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import type { AdminToken, AdminTokenId } from "../../../core/operators/model.ts";
import { createOperatorChanges, type WithToken } from "../../../core/operators/operator-changes.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock, Random } from "../../../core/surroundings.ts";
import { listOf, parsePage } from "../http/cursor.ts";
import { type HandlersOf, SECRET_NOT_REPEATED } from "../http/handlers.ts";
import { notFound } from "../http/refusals.ts";
import { parseTime } from "../http/schema.ts";
import type { adminTokenRoutes } from "./routes.ts";

export interface AdminTokenHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export function createAdminTokenHandlers({
  store,
  clock,
  random,
}: AdminTokenHandlerDependencies): HandlersOf<typeof adminTokenRoutes> {
  const changes = createOperatorChanges(store, clock, random);
  const shownToken = (token: AdminToken) => adminTokenJson(token, clock.wallMs());

  return {
    async listAdminTokens({ principal, query, target }) {
      const page = await store.adminTokens.page(accountFilter(principal), parsePage(query));
      return listOf(page, target, ({ id }) => [id], shownToken);
    },

    async createAdminToken({ principal, body, idempotencyKey }) {
      const { name, role, account = null, expires_at } = body;
      const expiry = expires_at === "never" ? expires_at : expires_at ? parseTime(expires_at) : undefined;
      const outcome = await createOnce<WithToken>(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createAdminToken", body],
        create: (transactions) =>
          createOperatorChanges(transactions, clock, random).createAdminToken(principal, {
            name,
            role,
            account,
            expiry,
          }),
        subjectOf: ({ token }) => `admin_token:${token.id}`,
      });
      if (!outcome.isRepeated) {
        const { token, secret } = outcome.made;
        return { data: { ...shownToken(token), token: secret }, isRepeated: false };
      }
      const id = Number(outcome.subject.split(":")[1]) as AdminTokenId;
      const token = await store.transaction((transaction) => transaction.adminTokens.find(id));
      if (token === undefined) throw notFound();
      return { data: { ...shownToken(token), token: null }, isRepeated: true, warnings: [SECRET_NOT_REPEATED] };
    },

    async revokeAdminToken({ principal, params }) {
      return { data: shownToken(await changes.revokeAdminToken(principal, params.id as AdminTokenId)) };
    },
  };
}
