import { owner, ownerByOperator, type AdminRoutes } from "../http/route.ts";
import { IdParam, Nothing } from "../http/schema.ts";
import { InvitationWithLink } from "../invitations/schemas.ts";
import { Session } from "../me/schemas.ts";
import { Operator, OperatorPatch, OperatorSessionParam, OperatorsQuery } from "./schemas.ts";

export const operatorRoutes = {
  listOperators: {
    method: "GET",
    path: "/operators",
    tag: "operators",
    access: owner,
    summary: "List operators, oldest first; q matches any part of the e-mail address",
    query: OperatorsQuery,
    answers: "list",
    data: Operator,
  },
  getOperator: {
    method: "GET",
    path: "/operators/:id",
    tag: "operators",
    access: owner,
    summary: "Get an operator",
    params: IdParam,
    answers: "item",
    data: Operator,
    tagged: true,
  },
  changeOperator: {
    method: "PATCH",
    path: "/operators/:id",
    tag: "operators",
    access: owner,
    summary: "Change an operator's role or account, or deactivate the operator, which ends its sessions",
    params: IdParam,
    body: OperatorPatch,
    answers: "item",
    data: Operator,
    tagged: true,
    fresh: true,
  },
  resetOperator: {
    method: "POST",
    path: "/operators/:id/reset",
    tag: "operators",
    access: ownerByOperator,
    summary: "Create a one-time link for an operator who can no longer sign in",
    params: IdParam,
    answers: "item",
    data: InvitationWithLink,
    fresh: true,
  },
  listOperatorSessions: {
    method: "GET",
    path: "/operators/:id/sessions",
    tag: "operators",
    access: owner,
    summary: "List an operator's sessions",
    params: IdParam,
    answers: "list",
    data: Session,
  },
  endOperatorSession: {
    method: "DELETE",
    path: "/operators/:id/sessions/:session_id",
    tag: "operators",
    access: owner,
    summary: "End an operator's session",
    params: OperatorSessionParam,
    answers: "item",
    data: Nothing,
  },
} as const satisfies AdminRoutes;
