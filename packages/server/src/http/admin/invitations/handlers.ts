/** One-time links for new operators, as owners make and withdraw them. Their use is in links/. */
import type { Commit } from "../../../core/change/commit.ts";
import { invitationJson } from "../../../core/json/operators.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import type { Invitation, InvitationId } from "../../../core/operators/model.ts";
import { inviteOperator, withdrawInvitation, type WithLinkSecret } from "../../../core/operators/invitations.ts";
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
  readonly commitWithoutView: Commit;
  readonly origins: Origins;
}

export function createInvitationHandlers({
  store,
  clock,
  random,
  commitWithoutView,
  origins,
}: InvitationHandlerDependencies): HandlersOf<typeof invitationRoutes> {
  return {
    async listInvitations({ principal, query, target }) {
      const page = await store.invitations.page(accountFilter(principal), clock.wallMs(), parsePage(query));
      return listOf(page, target, ({ id }) => [id], invitationJson);
    },

    async createInvitation({ principal, body, idempotencyKey }) {
      const { email, role, account = null } = body;
      const { result, isRepeated } = await commitWithoutView<Made>(
        (tx) => inviteOperator(tx, { email, role, account }, random),
        {
          author: principal,
          once: {
            key: idempotencyKey,
            request: ["createInvitation", body],
            kind: "invitation",
            idOf: ({ invitation }) => invitation.id,
            async again(tx, id) {
              const invitation = await tx.invitations.find(id as InvitationId);
              // It may have been used or withdrawn since.
              if (invitation === undefined) throw notFound();
              return { invitation };
            },
          },
        },
      );
      const { invitation, secret } = result;
      return {
        data: shownInvitation(origins, invitation, secret),
        isRepeated,
        ...(secret === undefined && { warnings: [SECRET_NOT_REPEATED] }),
      };
    },

    async withdrawInvitation({ principal, params }) {
      await commitWithoutView((tx) => withdrawInvitation(tx, params.id as InvitationId), { author: principal });
      return { data: {} };
    },
  };
}

/** An invitation with its link, `null` where the secret isn't known any more. */
export function shownInvitation(origins: Origins, invitation: Invitation, secret: string | undefined) {
  return { ...invitationJson(invitation), link: secret === undefined ? null : linkUrl(origins, secret) };
}

/** An invitation, and its secret if it was made just now. */
type Made = Pick<WithLinkSecret, "invitation"> & Partial<WithLinkSecret>;
