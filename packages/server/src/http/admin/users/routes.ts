import { admin, viewer, type AdminRoutes } from "../http/route.ts";
import { ApiUser, NewUser, UserPatch, UsernameParam, UsersQuery } from "./schemas.ts";

export const userRoutes = {
  listUsers: {
    method: "GET",
    path: "/users",
    tag: "users",
    access: viewer,
    summary: "List API users",
    query: UsersQuery,
    answers: "list",
    data: ApiUser,
  },
  createUser: {
    method: "POST",
    path: "/users",
    tag: "users",
    access: admin,
    summary: "Create an API user (full or read-only)",
    body: NewUser,
    answers: "created",
    data: ApiUser,
    refusals: ["conflict"],
  },
  getUser: {
    method: "GET",
    path: "/users/:username",
    tag: "users",
    access: viewer,
    summary: "Get an API user",
    params: UsernameParam,
    answers: "item",
    data: ApiUser,
    tagged: true,
  },
  changeUser: {
    method: "PATCH",
    path: "/users/:username",
    tag: "users",
    access: admin,
    summary:
      "Deactivate an API user, which ends its tokens at once, reactivate it, limit it, describe it, or archive it",
    params: UsernameParam,
    body: UserPatch,
    answers: "item",
    data: ApiUser,
    tagged: true,
    refusals: ["conflict"],
  },
} as const satisfies AdminRoutes;
