import { ADMIN_REFUSAL_CODES, COUNT_MAX, type RefusalCode } from "@countersign/protocol";
import type { FastifySchema } from "fastify";
import { FRESH_MS } from "../../../core/operators/sessions.ts";
import { ANSWERS } from "../../server/answers.ts";
import { envelope, META_MEMBERS, object, Refusal } from "../../docs/envelope-schemas.ts";
import { refusalExamples } from "../../docs/refusal-examples.ts";
import type { AdminRoute, AdminRoutes } from "./route.ts";

/** The schemas by which Fastify validates requests. The rest of the document is added when it is requested. */
export function adminRouteSchema(operationId: string, { params, query, body }: AdminRoute): object {
  return { operationId, ...(params && { params }), ...(query && { querystring: query }), ...(body && { body }) };
}

/**
 * Adds the rest of the OpenAPI document to a route's schema, on request. Given to Fastify with the route, the answers' schemas
 * would cost each node 5 MiB.
 *
 * @param named marks the schemas that have a name
 */
export function documentAdminRoutes(
  routes: AdminRoutes,
  named: Named,
): (schema: FastifySchema | undefined) => FastifySchema {
  return (schema = {}) => {
    const route = routes[(schema as { readonly operationId?: string }).operationId ?? ""];
    return route === undefined ? schema : { ...schema, ...describeRoute(route, named) };
  };
}

type Named = (schema: object) => object;

function describeRoute(route: AdminRoute, named: Named): FastifySchema {
  const { tag, summary, access, answers, method } = route;
  const status = answers === "created" ? 201 : 200;
  return {
    tags: [tag],
    summary,
    description: describeAccess(route),
    security:
      access === "anyone" || access === "program"
        ? []
        : access === "admin_token"
          ? [{ adminToken: [] }]
          : access === "operator" || access.byOperator === true
            ? [{ session: [] }]
            : [{ session: [] }, { adminToken: [] }],
    headers: requestHeaders(route),
    ...(route.body !== undefined && { body: named(route.body) }),
    response: {
      ...(answers === "other"
        ? route.others && named(route.others)
        : { [status]: named(answers === "list" ? listEnvelope(route.data) : itemEnvelope(route.data)) }),
      ...(route.tagged === true &&
        method === "GET" && { 304: { description: "If-None-Match names this version", type: "null" } }),
      ...Object.fromEntries(
        refusalStatuses(route, method).map((status) => {
          const codes = codesOf(route, status);
          return [status, { ...named(Refusal), description: codes.join(", "), "x-examples": refusalExamples(codes) }];
        }),
      ),
    },
  };
}

function describeAccess({ access, fresh }: AdminRoute): string {
  if (access === "anyone") return "Needs no session.";
  if (access === "program") return "For a program; needs no session or token.";
  const freshly = fresh === true ? ` An operator must have signed in within ${FRESH_MS / 60_000} minutes.` : "";
  if (access === "admin_token") return "Needs an admin token, which it is about.";
  if (access === "operator") return `Needs an operator's session.${freshly}`;
  const limits = [
    ...(access.everywhere === true ? [", not limited to an account"] : []),
    ...(access.byOperator === true ? [", and an operator's session"] : []),
  ];
  return `Needs the role ${access.role}${limits.join("")}.${freshly}`;
}

/** Documented, not validated here: a malformed header has its own refusal. */
function requestHeaders({ answers, tagged, once, method }: AdminRoute): object {
  return {
    type: "object",
    properties: {
      ...((answers === "created" || once === true) && {
        "idempotency-key": {
          type: "string",
          description: "Requests with the same key create one resource; keys are kept for a day",
        },
      }),
      ...(tagged === true &&
        method !== "GET" && {
          "if-match": { type: "string", description: "Apply the change only if the ETag is still this" },
        }),
      ...(tagged === true &&
        method === "GET" && {
          "if-none-match": { type: "string", description: "Answer 304 if the ETag is still this" },
        }),
    },
  };
}

function itemEnvelope(data: object): object {
  return { description: "Success", ...envelope(data) };
}

export const PageMeta = object({
  ...META_MEMBERS,
  count: { type: "integer", description: `Number of matches in total, counted up to ${COUNT_MAX}` },
  count_is_minimum: { type: "boolean", description: "There are more matches than count" },
  position: {
    type: ["integer", "null"],
    examples: [1],
    description: `The place of the page's first item in the list, from 1; null for an empty page, and after more than ${COUNT_MAX} items`,
  },
  next: { type: ["string", "null"], description: "The path of the next page" },
  previous: { type: ["string", "null"], description: "The path of the previous page" },
});

function listEnvelope(item: object): object {
  return { description: "A page of the list", ...object({ meta: PageMeta, data: { type: "array", items: item } }) };
}

function refusalStatuses({ access, params, query, body, tagged, answers }: AdminRoute, method: string): number[] {
  const statuses = [400, 429, 500, 503];
  if (access !== "anyone" && access !== "program") statuses.push(401);
  if (access !== "anyone" || method !== "GET") statuses.push(403);
  if (params !== undefined || query !== undefined) statuses.push(404);
  if (method !== "GET") statuses.push(409);
  if (tagged === true) statuses.push(412);
  if (body !== undefined) statuses.push(413, 415);
  if (body !== undefined || query !== undefined || params !== undefined || answers === "created") statuses.push(422);
  return statuses.toSorted((a, b) => a - b);
}

/** What any part of the admin API can refuse a request with, besides {@link ADMIN_REFUSAL_CODES}. */
const SHARED_CODES: readonly RefusalCode[] = [
  "key_proof_required",
  "key_proof_invalid",
  "bad_request",
  "not_found",
  "body_too_large",
  "rate_limited",
  "internal",
  "unavailable",
];

/** The refusals with this status that the route can give. */
function codesOf({ tag, access, fresh, answers, once }: AdminRoute, status: number): readonly RefusalCode[] {
  const isNever: Partial<Record<RefusalCode, boolean>> = {
    // A document of the registry may name operators.
    fresh_sign_in_required: fresh !== true && tag !== "registry",
    idempotency_key_reused: answers !== "created" && once !== true,
    sign_in_required: access === "anyone" || access === "program",
  };
  return [...ADMIN_REFUSAL_CODES, ...SHARED_CODES].filter(
    (code) => ANSWERS[code].status === status && isNever[code] !== true,
  );
}
