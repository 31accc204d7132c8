/** Admin tokens, by which programs use the admin API. */
import type { Commit } from "../../../core/change/commit.ts";
import { adminTokenJson } from "../../../core/json/operators.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import type { AdminToken, AdminTokenId } from "../../../core/operators/model.ts";
import {
  createAdminToken,
  revokeAdminToken,
  type TokenExpiry,
  type WithToken,
} from "../../../core/operators/admin-tokens.ts";
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
  readonly commitWithoutView: Commit;
}

export function createAdminTokenHandlers({
  store,
  clock,
  random,
  commitWithoutView,
}: AdminTokenHandlerDependencies): HandlersOf<typeof adminTokenRoutes> {
  const shownToken = (token: AdminToken) => adminTokenJson(token, clock.wallMs());

  return {
    async listAdminTokens({ principal, query, target }) {
      const page = await store.adminTokens.page(accountFilter(principal), parsePage(query));
      return listOf(page, target, ({ id }) => [id], shownToken);
    },

    async createAdminToken({ principal, body, idempotencyKey }) {
      const { name, role, account = null, expires_at } = body;
      const expiry: TokenExpiry = expires_at === "never" ? expires_at : expires_at ? parseTime(expires_at) : undefined;
      const wanted = { name, role, account, expiry };
      const { result, isRepeated } = await commitWithoutView<Made>((tx) => createAdminToken(tx, wanted, random), {
        author: principal,
        once: {
          key: idempotencyKey,
          request: ["createAdminToken", body],
          kind: "admin_token",
          idOf: ({ token }) => token.id,
          async again(tx, id) {
            const token = await tx.adminTokens.find(id as AdminTokenId);
            if (token === undefined) throw notFound();
            return { token };
          },
        },
      });
      const { token, secret = null } = result;
      return {
        data: { ...shownToken(token), token: secret },
        isRepeated,
        ...(secret === null && { warnings: [SECRET_NOT_REPEATED] }),
      };
    },

    async revokeAdminToken({ principal, params }) {
      const { result } = await commitWithoutView((tx) => revokeAdminToken(tx, params.id as AdminTokenId), {
        author: principal,
      });
      return { data: shownToken(result) };
    },
  };
}

/** An admin token, and its secret if it was made just now. */
type Made = Pick<WithToken, "token"> & Partial<WithToken>;
