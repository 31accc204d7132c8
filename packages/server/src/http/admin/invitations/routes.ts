import { owner, ownerByOperator, type AdminRoutes } from "../http/route.ts";
import { IdParam, Nothing, PageQuery } from "../http/schema.ts";
import { Invitation, InvitationWithLink, NewInvitation } from "./schemas.ts";

export const invitationRoutes = {
  listInvitations: {
    method: "GET",
    path: "/invitations",
    tag: "operators",
    access: owner,
    summary: "One-time links that nobody has used yet",
    query: PageQuery,
    answers: "list",
    data: Invitation,
  },
  createInvitation: {
    method: "POST",
    path: "/invitations",
    tag: "operators",
    access: ownerByOperator,
    summary: "Invite an operator; shows the one-time link once",
    body: NewInvitation,
    answers: "created",
    data: InvitationWithLink,
    fresh: true,
  },
  withdrawInvitation: {
    method: "DELETE",
    path: "/invitations/:id",
    tag: "operators",
    access: owner,
    summary: "Withdraw a one-time link",
    params: IdParam,
    answers: "item",
    data: Nothing,
  },
} as const satisfies AdminRoutes;
