import { admin, viewer, type AdminRoutes } from "../http/route.ts";
import { IdParam, PageQuery } from "../http/schema.ts";
import { InspectedKey, KeyPatch, KeysQuery, KeyText, NewKey, PublicKey } from "./schemas.ts";
import { UsernameParam } from "../users/schemas.ts";

export const keyRoutes = {
  listAllKeys: {
    method: "GET",
    path: "/keys",
    tag: "keys",
    access: viewer,
    summary: "List public keys of all API users: newest first, or those that expire, are unused or are weak",
    query: KeysQuery,
    answers: "list",
    data: PublicKey,
  },
  listKeys: {
    method: "GET",
    path: "/users/:username/keys",
    tag: "keys",
    access: viewer,
    summary: "List an API user's public keys, newest first",
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
    summary: "Parse a public key and report what is wrong with it, without storing it",
    body: KeyText,
    answers: "item",
    data: InspectedKey,
  },
  getKey: {
    method: "GET",
    path: "/keys/:id",
    tag: "keys",
    access: viewer,
    summary: "Get a public key",
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
      "Deactivate a key, which ends its tokens at once, reactivate it, revoke it permanently, or change its label or expiry",
    params: IdParam,
    body: KeyPatch,
    answers: "item",
    data: PublicKey,
    tagged: true,
  },
} as const satisfies AdminRoutes;
