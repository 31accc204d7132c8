import { mayKnow } from "../../../core/operators/authorize.ts";
import { createOnce, type Transactions } from "../../../core/change/once.ts";
import { onlyIfMatch } from "../../../core/change/precondition.ts";
import { adminTokenJson, invitationJson, operatorJson } from "../../../core/json/operators.ts";
import type {
  AdminToken,
  AdminTokenId,
  Invitation,
  InvitationId,
  Operator,
  OperatorId,
  Principal,
  SessionId,
} from "../../../core/operators/model.ts";
import {
  createOperatorChanges,
  type WithLinkSecret,
  type WithToken,
} from "../../../core/operators/operator-changes.ts";
import type { RegistryStore, StoreTransaction } from "../../../core/store/store.ts";
import type { Clock, Random } from "../../../core/surroundings.ts";
import { notFound, parseTime } from "../administration.ts";
import { parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import type { AdminHandlers } from "../http/handlers.ts";
import { linkUrl, type Origins } from "../http/origins.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { accountFilter, listOf } from "../registry-handlers.ts";
import { SECRET_NOT_REPEATED } from "../service/handlers.ts";
import { listLiveSessions } from "../sign-in/handlers.ts";

export interface OperatorHandlerDependencies {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly origins: Origins;
}

type OperatorOperations =
  | "listOperators"
  | "getOperator"
  | "changeOperator"
  | "resetOperator"
  | "listOperatorSessions"
  | "endOperatorSession"
  | "listInvitations"
  | "createInvitation"
  | "withdrawInvitation"
  | "listAdminTokens"
  | "createAdminToken"
  | "revokeAdminToken";

/** Operators, invitations and admin tokens. */
export function createOperatorHandlers({
  store,
  clock,
  random,
  origins,
}: OperatorHandlerDependencies): Pick<AdminHandlers, OperatorOperations> {
  const changesOn = (transactions: Transactions) => createOperatorChanges(transactions, clock, random);
  const changes = changesOn(store);

  async function loadOperator(principal: Principal, id: number): Promise<Operator> {
    const operator = await store.findOperator(id as OperatorId);
    if (operator === undefined || !mayKnow(principal, operator.accountId)) throw notFound();
    return operator;
  }

  /** What an earlier request made, as it is now. It may be gone. */
  async function loadMade<Made>(
    subject: string,
    find: (transaction: StoreTransaction, id: number) => Promise<Made | undefined>,
  ): Promise<Made> {
    const id = Number(subject.slice(subject.indexOf(":") + 1));
    const made = await store.transaction((transaction) => find(transaction, id));
    if (made === undefined) throw notFound();
    return made;
  }

  const shownLink = (invitation: Invitation, secret: string | undefined) => ({
    ...invitationJson(invitation),
    link: secret === undefined ? null : linkUrl(origins, secret),
  });
  const shownToken = (token: AdminToken) => adminTokenJson(token, clock.wallMs());

  return {
    async listOperators({ principal, query, target }) {
      const { q, role, status } = query;
      const filter = { role, status, search: q?.toLowerCase(), ...accountFilter(principal) };
      const page = await store.pageOperators(filter, parsePage(query));
      return listOf(page, target, ({ id }) => [id], operatorJson);
    },

    async getOperator({ principal, params }) {
      const operator = await loadOperator(principal, params.id);
      return { data: operatorJson(operator), etag: entityTags.operator(operator) };
    },

    async changeOperator({ principal, params, body, preconditions }) {
      const id = params.id as OperatorId;
      requireUnchanged(body, operatorJson(await loadOperator(principal, id)), ["role", "account", "status"]);
      const transactions = onlyIfMatch(store, preconditions, async (transaction) => {
        const current = await transaction.findOperator(id);
        return current && entityTags.operator(current);
      });
      const { role, account, status } = body;
      const operator = await changesOn(transactions).change(principal, id, { role, account, status });
      return { data: operatorJson(operator), etag: entityTags.operator(operator) };
    },

    async resetOperator({ principal, params }) {
      const { invitation, secret } = await changes.reset(principal, params.id as OperatorId);
      return { data: shownLink(invitation, secret) };
    },

    async listOperatorSessions({ principal, params }) {
      const { id } = await loadOperator(principal, params.id);
      return listLiveSessions(store, clock, id, principal);
    },

    async endOperatorSession({ principal, params }) {
      await changes.endSession(principal, params.id as OperatorId, params.session_id as SessionId);
      return { data: {} };
    },

    async listInvitations({ principal, query, target }) {
      const page = await store.pageInvitations(accountFilter(principal), clock.wallMs(), parsePage(query));
      return listOf(page, target, ({ id }) => [id], invitationJson);
    },

    async createInvitation({ principal, body, idempotencyKey }) {
      const { email, role, account = null } = body;
      const outcome = await createOnce<WithLinkSecret>(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createInvitation", body],
        create: (transactions) => changesOn(transactions).invite(principal, { email, role, account }),
        subjectOf: ({ invitation }) => `invitation:${invitation.id}`,
      });
      if (!outcome.isRepeated) {
        const { invitation, secret } = outcome.made;
        return { data: shownLink(invitation, secret), isRepeated: false };
      }
      const invitation = await loadMade(outcome.subject, (transaction, id) =>
        transaction.findInvitation(id as InvitationId),
      );
      return { data: shownLink(invitation, undefined), isRepeated: true, warnings: [SECRET_NOT_REPEATED] };
    },

    async withdrawInvitation({ principal, params }) {
      await changes.withdrawInvitation(principal, params.id as InvitationId);
      return { data: {} };
    },

    async listAdminTokens({ principal, query, target }) {
      const page = await store.pageAdminTokens(accountFilter(principal), parsePage(query));
      return listOf(page, target, ({ id }) => [id], shownToken);
    },

    async createAdminToken({ principal, body, idempotencyKey }) {
      const { name, role, account = null, expires_at } = body;
      const expiry = expires_at === "never" ? expires_at : expires_at ? parseTime(expires_at) : undefined;
      const outcome = await createOnce<WithToken>(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createAdminToken", body],
        create: (transactions) => changesOn(transactions).createAdminToken(principal, { name, role, account, expiry }),
        subjectOf: ({ token }) => `admin_token:${token.id}`,
      });
      if (!outcome.isRepeated) {
        const { token, secret } = outcome.made;
        return { data: { ...shownToken(token), token: secret }, isRepeated: false };
      }
      const token = await loadMade(outcome.subject, (transaction, id) =>
        transaction.findAdminToken(id as AdminTokenId),
      );
      return { data: { ...shownToken(token), token: null }, isRepeated: true, warnings: [SECRET_NOT_REPEATED] };
    },

    async revokeAdminToken({ principal, params }) {
      return { data: shownToken(await changes.revokeAdminToken(principal, params.id as AdminTokenId)) };
    },
  };
}
