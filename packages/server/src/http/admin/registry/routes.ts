import { admin, type AdminRoutes } from "../http/route.ts";
import { Nothing } from "../http/schema.ts";
import { AppliedRegistry, PlanQuery, RegistryDocument, RegistryPlan, RegistryQuery } from "./schemas.ts";

/** Largest document that the admin API takes, in bytes: some 15,000 API users with a key each. The command line takes more. */
const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;

/** What a change that a document asks for can be refused with. It may name operators, for which a sign-in must be fresh. */
const DOCUMENT_REFUSALS = [
  "conflict",
  "not_found",
  "fresh_sign_in_required",
  "key_rejected",
  "key_weak",
  "private_key_exposed",
  "key_proof_required",
] as const;

export const registryRoutes = {
  exportRegistry: {
    method: "GET",
    path: "/registry",
    tag: "registry",
    access: admin,
    summary: "Export the registry as one document, without an envelope; for owners, with the operators",
    query: RegistryQuery,
    answers: "other",
    data: Nothing,
    others: {
      200: {
        description: "The document",
        content: {
          "application/json": { schema: RegistryDocument },
          "application/yaml": { schema: { type: "string" }, example: "version: 1\naccounts:\n  - shortname: acme\n" },
        },
      },
    },
    refusals: ["not_found"],
  },
  planRegistry: {
    method: "POST",
    path: "/registry/plan",
    tag: "registry",
    access: admin,
    summary: "Say what applying a document would change; the ETag names the plan",
    query: PlanQuery,
    body: RegistryDocument,
    bodyBytesMax: DOCUMENT_BYTES_MAX,
    answers: "item",
    data: RegistryPlan,
    refusals: DOCUMENT_REFUSALS,
  },
  applyRegistry: {
    method: "PUT",
    path: "/registry",
    tag: "registry",
    access: admin,
    summary: "Make the registry what a document says; with If-Match only by the plan of that ETag",
    query: PlanQuery,
    body: RegistryDocument,
    bodyBytesMax: DOCUMENT_BYTES_MAX,
    answers: "item",
    data: AppliedRegistry,
    tagged: true,
    refusals: DOCUMENT_REFUSALS,
  },
} as const satisfies AdminRoutes;
