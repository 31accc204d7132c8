import { ownerEverywhere, viewerEverywhere, type AdminRoutes } from "../http/route.ts";
import { Node, NumberParam, SigningKey, SigningKeyPatch } from "./schemas.ts";

export const signingKeyRoutes = {
  listSigningKeys: {
    method: "GET",
    path: "/signing-keys",
    tag: "signing keys",
    access: viewerEverywhere,
    summary: "Signing keys, the oldest first",
    answers: "list",
    data: SigningKey,
  },
  rotateSigningKey: {
    method: "POST",
    path: "/signing-keys",
    tag: "signing keys",
    access: ownerEverywhere,
    summary: "Make the next signing key; it signs once every live node can check its tokens",
    answers: "item",
    data: SigningKey,
    fresh: true,
  },
  retireSigningKey: {
    method: "PATCH",
    path: "/signing-keys/:number",
    tag: "signing keys",
    access: ownerEverywhere,
    summary: "End every token of that signing key, at once and for good",
    params: NumberParam,
    body: SigningKeyPatch,
    answers: "item",
    data: SigningKey,
    fresh: true,
  },
  listNodes: {
    method: "GET",
    path: "/nodes",
    tag: "signing keys",
    access: viewerEverywhere,
    summary: "Processes that serve, and the signing keys whose tokens they can check",
    answers: "list",
    data: Node,
  },
} as const satisfies AdminRoutes;
