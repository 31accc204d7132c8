/** One-time links for new operators, as owners make and withdraw them. Their use is in links/. */
import { createOnce } from "../../../core/change/once.ts";
import { invitationJson } from "../../../core/json/operators.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import type { Invitation, InvitationId } from "../../../core/operators/model.ts";
import { createOperatorChanges, type WithLinkSecret } from "../../../core/operators/operator-changes.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock, Random } from "../../../core/surroundings.ts";
import { listOf, parsePage } from "../http/cursor.ts";
import { type HandlersOf, SECRET_NOT_REPEATED } from "../http/handlers.ts";
import { linkUrl, type Origins } from "../http/origins.ts";
import { notFound } from "../http/refusals.ts";
import type { invitationRoutes } from "./routes.ts";

export interface InvitationHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly origins: Origins;
}

export function createInvitationHandlers({
  store,
  clock,
  random,
  origins,
}: InvitationHandlerDependencies): HandlersOf<typeof invitationRoutes> {
  const changes = createOperatorChanges(store, clock, random);

  return {
    async listInvitations({ principal, query, target }) {
      const page = await store.invitations.page(accountFilter(principal), clock.wallMs(), parsePage(query));
      return listOf(page, target, ({ id }) => [id], invitationJson);
    },

    async createInvitation({ principal, body, idempotencyKey }) {
      const { email, role, account = null } = body;
      const outcome = await createOnce<WithLinkSecret>(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createInvitation", body],
        create: (transactions) =>
          createOperatorChanges(transactions, clock, random).invite(principal, { email, role, account }),
        subjectOf: ({ invitation }) => `invitation:${invitation.id}`,
      });
      if (!outcome.isRepeated) {
        const { invitation, secret } = outcome.made;
        return { data: shownInvitation(origins, invitation, secret), isRepeated: false };
      }
      // It may have been used or withdrawn since.
      const id = Number(outcome.subject.split(":")[1]) as InvitationId;
      const invitation = await store.transaction((transaction) => transaction.invitations.find(id));
      if (invitation === undefined) throw notFound();
      return {
        data: shownInvitation(origins, invitation, undefined),
        isRepeated: true,
        warnings: [SECRET_NOT_REPEATED],
      };
    },

    async withdrawInvitation({ principal, params }) {
      await changes.withdrawInvitation(principal, params.id as InvitationId);
      return { data: {} };
    },
  };
}

/** An invitation with its link, `null` where the secret isn't known any more. */
export function shownInvitation(origins: Origins, invitation: Invitation, secret: string | undefined) {
  return { ...invitationJson(invitation), link: secret === undefined ? null : linkUrl(origins, secret) };
}
