import { admin, viewer, type AdminRoutes } from "../http/route.ts";
import { IdParam, PageQuery } from "../http/schema.ts";
import { InspectedKey, KeyPatch, KeyText, NewKey, PublicKey } from "./schemas.ts";
import { UsernameParam } from "../users/schemas.ts";

export const keyRoutes = {
  listKeys: {
    method: "GET",
    path: "/users/:username/keys",
    tag: "keys",
    access: viewer,
    summary: "An API user's public keys, the newest first",
    params: UsernameParam,
    query: PageQuery,
    answers: "list",
    data: PublicKey,
  },
  addKey: {
    method: "POST",
    path: "/users/:username/keys",
    tag: "keys",
    access: admin,
    summary: "Add a public key",
    params: UsernameParam,
    body: NewKey,
    answers: "created",
    data: PublicKey,
  },
  inspectKey: {
    method: "POST",
    path: "/keys/inspect",
    tag: "keys",
    access: admin,
    summary: "What a pasted public key is, or what is wrong with it; stores nothing",
    body: KeyText,
    answers: "item",
    data: InspectedKey,
  },
  getKey: {
    method: "GET",
    path: "/keys/:id",
    tag: "keys",
    access: viewer,
    summary: "A public key",
    params: IdParam,
    answers: "item",
    data: PublicKey,
    tagged: true,
  },
  changeKey: {
    method: "PATCH",
    path: "/keys/:id",
    tag: "keys",
    access: admin,
    summary:
      "Deactivate a key, which ends its tokens at once, activate it again, revoke it for good; its label and expiry",
    params: IdParam,
    body: KeyPatch,
    answers: "item",
    data: PublicKey,
    tagged: true,
  },
} as const satisfies AdminRoutes;
