/** Operators in the admin API. What an operator is, and how it changes, is in core/operators. */
import type { Commit } from "../../../core/change/commit.ts";
import { operatorJson } from "../../../core/json/operators.ts";
import { accountFilter, canSee } from "../../../core/operators/authorize.ts";
import type { Operator, OperatorId, Principal, SessionId } from "../../../core/operators/model.ts";
import { changeOperator, endOperatorSession } from "../../../core/operators/changes.ts";
import { resetOperator } from "../../../core/operators/invitations.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock, Random } from "../../../core/surroundings.ts";
import { loadAccount } from "../accounts/load-account.ts";
import { listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import type { HandlersOf } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { notFound } from "../http/refusals.ts";
import { shownInvitation } from "../invitations/handlers.ts";
import { listLiveSessions } from "../me/live-sessions.ts";
import type { operatorRoutes } from "./routes.ts";
import { changeableOf } from "../http/schema.ts";
import { OperatorPatch } from "./schemas.ts";

const CHANGEABLE = changeableOf(OperatorPatch);

export interface OperatorHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly commitWithoutView: Commit;
  readonly origins: Origins;
}

export function createOperatorHandlers({
  store,
  clock,
  random,
  commitWithoutView,
  origins,
}: OperatorHandlerDependencies): HandlersOf<typeof operatorRoutes> {
  async function loadOperator(principal: Principal, id: number): Promise<Operator> {
    const operator = await store.operators.find(id as OperatorId);
    if (operator === undefined || !canSee(principal, operator.accountId)) throw notFound();
    return operator;
  }

  return {
    async listOperators({ principal, query, target }) {
      const { q, role, status, account: shortname } = query;
      const account = shortname === undefined ? undefined : await loadAccount(store, principal, shortname);
      const filter = {
        role,
        status,
        search: q?.trim(),
        accessTo: account?.id,
        ...accountFilter(principal),
      };
      const page = await store.operators.page(filter, parsePage(query));
      return listOf(page, target, ({ id }) => [id], operatorJson);
    },

    async getOperator({ principal, params }) {
      const operator = await loadOperator(principal, params.id);
      return { data: operatorJson(operator), etag: entityTags.operator(operator) };
    },

    async changeOperator({ principal, params, body, preconditions }) {
      const id = params.id as OperatorId;
      requireUnchanged(body, operatorJson(await loadOperator(principal, id)), CHANGEABLE);
      const { role, account, status } = body;
      const { result: operator } = await commitWithoutView((tx) => changeOperator(tx, id, { role, account, status }), {
        author: principal,
        ifMatch: {
          ...preconditions,
          async currentTag(tx) {
            const current = await tx.operators.find(id);
            if (current === undefined) throw notFound();
            return entityTags.operator(current);
          },
        },
      });
      return { data: operatorJson(operator), etag: entityTags.operator(operator) };
    },

    async resetOperator({ principal, params }) {
      const { result } = await commitWithoutView((tx) => resetOperator(tx, params.id as OperatorId, random), {
        author: principal,
      });
      return { data: shownInvitation(origins, result.invitation, result.secret) };
    },

    async listOperatorSessions({ principal, params }) {
      const { id } = await loadOperator(principal, params.id);
      return listLiveSessions(store, clock, id, principal);
    },

    async endOperatorSession({ principal, params }) {
      const { id, session_id: sessionId } = params;
      await commitWithoutView((tx) => endOperatorSession(tx, id as OperatorId, sessionId as SessionId), {
        author: principal,
      });
      return { data: {} };
    },
  };
}
