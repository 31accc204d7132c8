import { ADMIN_PATH } from "@countersign/protocol";
import cookie from "@fastify/cookie";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { checkPreconditions, isNamed } from "../../../core/change/precondition.ts";
import { Refusal } from "../../../core/refusal.ts";
import { admit, admitAgain, type AdmissionDependencies } from "./admit.ts";
import { sendEnvelope } from "./envelope.ts";
import type { AdminRequest, HandlersOf, ItemAnswer } from "./handlers.ts";
import { acceptJsonOnly } from "./json-body.ts";
import { adminRouteSchema } from "./openapi.ts";
import { BODY_BYTES_MAX, toAdminRefusal } from "./refusals.ts";
import type { AdminRoute, AdminRoutes } from "./route.ts";
import { compileWhenNeeded, schemaRefusal } from "./validation.ts";

/** Longest `Idempotency-Key`, in characters. */
const IDEMPOTENCY_KEY_CHARACTERS_MAX = 255;

export interface AdminDependencies extends AdmissionDependencies {
  readonly handlers: HandlersOf<AdminRoutes>;
}

/**
 * Registers each route with Fastify. A request is first admitted by its headers; then its body is read; a change is admitted once
 * more; then the schemas are checked; then the handler runs.
 */
export async function registerAdminRoutes(
  app: FastifyInstance,
  routes: AdminRoutes,
  dependencies: AdminDependencies,
): Promise<void> {
  await app.register(async (scope) => {
    await scope.register(cookie);
    acceptJsonOnly(scope);
    scope.decorateRequest("principal");
    scope.setValidatorCompiler(compileWhenNeeded());
    scope.setSchemaErrorFormatter((errors, part) => schemaRefusal(errors, part));
    scope.setErrorHandler((error) => {
      throw toAdminRefusal(error);
    });
    for (const [operationId, route] of Object.entries(routes)) {
      const handler = dependencies.handlers[operationId];
      if (handler === undefined) throw new Error(`${operationId} has no handler`);
      scope.route({
        method: route.method,
        url: ADMIN_PATH + route.path,
        bodyLimit: route.bodyBytesMax ?? BODY_BYTES_MAX,
        // A redirect or a file has no head without the whole answer.
        exposeHeadRoute: route.answers !== "other",
        schema: adminRouteSchema(operationId, route),
        onRequest: (request) => admit(request, route, dependencies),
        preValidation: (request) => admitAgain(request, route, dependencies),
        handler: async (request, reply) => {
          const admitted = readRequest(request, reply, dependencies);
          const answer = await handler(admitted);
          if (route.answers === "other") return reply;
          if (route.method === "GET" && isKnownVersion(admitted, answer)) {
            return reply.code(304).header("ETag", answer.etag).send();
          }
          return sendEnvelope(route, answer, reply);
        },
      });
    }
  });
}

/** The methods of a path of the admin API; none if there is no such path. */
export function allowedAdminMethods(routes: AdminRoutes, path: string): readonly string[] {
  const segments = path.split("/");
  const fits = (route: AdminRoute) => {
    const pattern = (ADMIN_PATH + route.path).split("/");
    return (
      pattern.length === segments.length &&
      pattern.every((part, at) => part === segments[at] || (part.startsWith(":") && segments[at] !== ""))
    );
  };
  const fitting = Object.values(routes).filter(fits);
  const hasHead = fitting.some(({ method, answers }) => method === "GET" && answers !== "other");
  return [...fitting.map(({ method }) => method as string), ...(hasHead ? ["HEAD"] : [])];
}

function readRequest(request: FastifyRequest, reply: FastifyReply, { clientAddress }: AdminDependencies): AdminRequest {
  const { headers } = request;
  const idempotencyKey = headers["idempotency-key"];
  if (typeof idempotencyKey === "string" && !/^[\x20-\x7e]+$/.test(idempotencyKey)) throw badIdempotencyKey();
  if (typeof idempotencyKey === "string" && idempotencyKey.length > IDEMPOTENCY_KEY_CHARACTERS_MAX) {
    throw badIdempotencyKey();
  }
  return {
    principal: request.principal,
    params: request.params,
    query: request.query,
    body: request.body,
    requestId: request.id,
    target: request.url,
    clientAddress: clientAddress(request.raw),
    userAgent: headers["user-agent"] ?? "",
    origin: headers.origin,
    host: headers.host ?? "",
    preconditions: { ifMatch: headers["if-match"], ifNoneMatch: headers["if-none-match"] },
    idempotencyKey: typeof idempotencyKey === "string" ? idempotencyKey : undefined,
    cookies: request.cookies,
    reply,
  } as unknown as AdminRequest;
}

/**
 * Does the caller have this version already (RFC 9110 §13.1.2)?
 *
 * @throws {Refusal} `precondition_failed`
 */
function isKnownVersion({ preconditions: { ifMatch, ifNoneMatch } }: AdminRequest, answer: object): boolean {
  const { etag } = answer as Partial<ItemAnswer<unknown>>;
  if (etag === undefined) return false;
  checkPreconditions({ ifMatch }, etag);
  return ifNoneMatch !== undefined && isNamed(ifNoneMatch, etag);
}

function badIdempotencyKey(): Refusal {
  return new Refusal(
    "bad_request",
    `An Idempotency-Key has 1 to ${IDEMPOTENCY_KEY_CHARACTERS_MAX} printable ASCII characters.`,
  );
}
