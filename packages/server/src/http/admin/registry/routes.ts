import { admin, type AdminRoutes } from "../http/route.ts";
import { Nothing } from "../http/schema.ts";
import { AppliedRegistry, PlanQuery, RegistryDocument, RegistryPlan, RegistryQuery } from "./schemas.ts";

/** Largest document that the admin API takes, in bytes: some 15,000 API users with a key each. The command line takes more. */
const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;

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
  },
} as const satisfies AdminRoutes;
