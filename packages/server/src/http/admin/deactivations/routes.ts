import { admin, type AdminRoutes } from "../http/route.ts";
import { DeactivatedKeys, DeactivatedUsers, KeysToDeactivate, UsersToDeactivate } from "./schemas.ts";

export const deactivationRoutes = {
  deactivateUsers: {
    method: "POST",
    path: "/users/deactivate",
    tag: "users",
    access: admin,
    summary:
      "Deactivate up to 100 API users, which ends their tokens at once; one that is refused doesn't keep the others",
    body: UsersToDeactivate,
    answers: "item",
    data: DeactivatedUsers,
  },
  deactivateKeys: {
    method: "POST",
    path: "/keys/deactivate",
    tag: "keys",
    access: admin,
    summary:
      "Deactivate up to 100 public keys, which ends their tokens at once; one that is refused doesn't keep the others",
    body: KeysToDeactivate,
    answers: "item",
    data: DeactivatedKeys,
  },
} as const satisfies AdminRoutes;
