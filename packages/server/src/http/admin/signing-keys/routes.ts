import { ownerEverywhere, viewerEverywhere, type AdminRoutes } from "../http/route.ts";
import { Node, NumberParam, SigningKey, SigningKeyPatch } from "./schemas.ts";

export const signingKeyRoutes = {
  listSigningKeys: {
    method: "GET",
    path: "/signing-keys",
    tag: "signing keys",
    access: viewerEverywhere,
    summary: "List signing keys, oldest first",
    answers: "list",
    data: SigningKey,
  },
  rotateSigningKey: {
    method: "POST",
    path: "/signing-keys",
    tag: "signing keys",
    access: ownerEverywhere,
    summary: "Create the next signing key; it signs once every live node can verify its tokens",
    answers: "item",
    data: SigningKey,
    fresh: true,
    refusals: ["conflict"],
  },
  retireSigningKey: {
    method: "PATCH",
    path: "/signing-keys/:number",
    tag: "signing keys",
    access: ownerEverywhere,
    summary: "Retire a signing key, which ends every token that it signed, at once and permanently",
    params: NumberParam,
    body: SigningKeyPatch,
    answers: "item",
    data: SigningKey,
    fresh: true,
    refusals: ["conflict"],
  },
  listNodes: {
    method: "GET",
    path: "/nodes",
    tag: "signing keys",
    access: viewerEverywhere,
    summary: "List live nodes and the signing keys whose tokens they can verify",
    answers: "list",
    data: Node,
  },
} as const satisfies AdminRoutes;
