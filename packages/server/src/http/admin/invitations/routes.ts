import { owner, ownerByOperator, type AdminRoutes } from "../http/route.ts";
import { IdParam, Nothing, PageQuery } from "../http/schema.ts";
import { Invitation, InvitationWithLink, NewInvitation } from "./schemas.ts";

export const invitationRoutes = {
  listInvitations: {
    method: "GET",
    path: "/invitations",
    tag: "operators",
    access: owner,
    summary: "List one-time links that haven't been used",
    query: PageQuery,
    answers: "list",
    data: Invitation,
  },
  createInvitation: {
    method: "POST",
    path: "/invitations",
    tag: "operators",
    access: ownerByOperator,
    summary: "Invite an operator; the one-time link is shown once",
    body: NewInvitation,
    answers: "created",
    data: InvitationWithLink,
    fresh: true,
    refusals: ["conflict"],
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
