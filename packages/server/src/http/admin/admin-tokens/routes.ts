import { owner, type AdminRoutes } from "../http/route.ts";
import { AdminToken, AdminTokenWithSecret, NewAdminToken } from "./schemas.ts";
import { IdParam, PageQuery } from "../http/schema.ts";

export const adminTokenRoutes = {
  listAdminTokens: {
    method: "GET",
    path: "/admin-tokens",
    tag: "admin tokens",
    access: owner,
    summary: "List admin tokens, newest first",
    query: PageQuery,
    answers: "list",
    data: AdminToken,
  },
  createAdminToken: {
    method: "POST",
    path: "/admin-tokens",
    tag: "admin tokens",
    access: owner,
    summary: "Create an admin token; the token is shown once",
    body: NewAdminToken,
    answers: "created",
    data: AdminTokenWithSecret,
    fresh: true,
    refusals: ["conflict"],
  },
  revokeAdminToken: {
    method: "DELETE",
    path: "/admin-tokens/:id",
    tag: "admin tokens",
    access: owner,
    summary: "Revoke an admin token permanently",
    params: IdParam,
    answers: "item",
    data: AdminToken,
  },
} as const satisfies AdminRoutes;
