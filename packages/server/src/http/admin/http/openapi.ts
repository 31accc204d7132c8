import { isDeepStrictEqual } from "node:util";
import { COUNT_MAX, REFUSAL_CODES, type RefusalCode } from "@countersign/protocol";
import type { FastifySchema } from "fastify";
import { FRESH_MS } from "../../../core/operators/sessions.ts";
import { ANSWERS } from "../../server/answers.ts";
import { envelope, META_MEMBERS, object, Refusal } from "../../docs/envelope-schemas.ts";
import { refusalExamples } from "../../docs/refusal-examples.ts";
import { type AdminRoute, type AdminRoutes, viewer } from "./route.ts";

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
        Object.entries(Object.groupBy(refusalsOf(route), (code) => ANSWERS[code].status)).map(([refused, codes]) => [
          refused,
          { ...named(Refusal), description: codes.join(", "), "x-examples": refusalExamples(codes) },
        ]),
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

/** The refusals that a route can give: those that follow from its form, and those that it names. */
function refusalsOf(route: AdminRoute): readonly RefusalCode[] {
  const { access, method, params, query, body, fresh, tagged, once, answers, refusals = [] } = route;
  const isChange = method !== "GET";
  const isOpen = access === "anyone" || access === "program";
  const isForAllRoles = isOpen || (typeof access === "object" && isDeepStrictEqual(access, viewer));
  const follows: Partial<Record<RefusalCode, boolean>> = {
    // A page of another origin may not even read.
    origin_refused: true,
    sign_in_required: !isOpen,
    forbidden: !isForAllRoles,
    fresh_sign_in_required: fresh === true,
    rate_limited: access !== "anyone",
    // Whatever body is sent is read first. A path's parameters may be encoded wrongly.
    bad_request: isChange || params !== undefined,
    body_too_large: isChange,
    media_type_unsupported: isChange,
    field_invalid: body !== undefined || query !== undefined || params !== undefined,
    not_found: params !== undefined,
    precondition_failed: tagged === true,
    idempotency_key_reused: answers === "created" || once === true,
    internal: true,
    unavailable: true,
  };
  return REFUSAL_CODES.filter((code) => follows[code] === true || refusals.includes(code));
}
