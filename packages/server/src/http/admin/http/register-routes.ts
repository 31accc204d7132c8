import { ADMIN_PATH, COUNT_MAX, type Envelope, type ListEnvelope, OPERATOR_HEADER } from "@countersign/protocol";
import { AjvCompiler } from "@fastify/ajv-compiler";
import cookie from "@fastify/cookie";
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from "fastify";
import { requireRole } from "../../../core/operators/authorize.ts";
import { checkPreconditions, isNamed } from "../../../core/change/precondition.ts";
import type { AuthenticatePrincipal } from "../../../core/operators/authenticate.ts";
import type { Principal } from "../../../core/operators/model.ts";
import { requireFresh } from "../../../core/operators/sessions.ts";
import { type FieldProblem, Refusal } from "../../../core/refusal.ts";
import type { ClientAddress } from "../../server/client-address.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import type { AdminRequest, CreatedAnswer, HandlersOf, ItemAnswer, ListAnswer } from "./handlers.ts";
import { adminRouteSchema, REFUSAL_SCHEMA } from "./openapi.ts";
import { acceptJsonOnly } from "./json-body.ts";
import type { Origins } from "./origins.ts";
import { BODY_BYTES_MAX, toAdminRefusal } from "./refusals.ts";
import type { AdminRoute, AdminRoutes } from "./route.ts";
import { readSessionCookie } from "./session-cookie.ts";

/** Longest `Idempotency-Key`, in characters. */
const IDEMPOTENCY_KEY_CHARACTERS_MAX = 255;

export interface AdminDependencies {
  readonly authenticate: AuthenticatePrincipal;
  readonly origins: Origins;
  readonly refusalLimit: RefusalLimit;
  readonly clientAddress: ClientAddress;
  readonly handlers: HandlersOf<AdminRoutes>;
}

declare module "fastify" {
  interface FastifyRequest {
    principal?: Principal | undefined;
  }
}

/**
 * Makes a Fastify route of each of the routes. In this order, and before a body is read: is the request from a page that
 * may send it, who asks, may they. Then the body; for a change, once more who asks and may they; then the schemas; then the handler.
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
    scope.addSchema(REFUSAL_SCHEMA);
    scope.setValidatorCompiler(compileWhenNeeded());
    scope.setSchemaErrorFormatter((errors, part) => fieldRefusal(errors, part));
    scope.setErrorHandler((error) => {
      throw toAdminRefusal(error);
    });
    for (const [operationId, route] of Object.entries(routes)) {
      const handler = dependencies.handlers[operationId];
      if (handler === undefined) throw new Error(`${operationId} has no handler`);
      scope.route({
        method: route.method,
        url: ADMIN_PATH + route.path,
        bodyLimit: BODY_BYTES_MAX,
        // Of what isn't the envelope, only the whole answer would tell its head.
        exposeHeadRoute: route.answers !== "other",
        schema: adminRouteSchema(operationId, route),
        onRequest: (request) => admit(request, route, dependencies),
        preValidation: (request) => admitAgain(request, route, dependencies),
        handler: async (request, reply) => {
          const asked = readRequest(request, reply, dependencies);
          const answer = await handler(asked);
          if (route.answers === "other") return reply;
          if (route.method === "GET" && isKnownVersion(asked, answer)) {
            return reply.code(304).header("ETag", answer.etag).send();
          }
          return sendEnvelope(route, answer, reply);
        },
      });
    }
  });
}

type ValidatorCompiler = Parameters<FastifyInstance["setValidatorCompiler"]>[0];

/**
 * Compiles a schema when something is first held against it: all of them at the start would cost every node a tenth of a second and
 * 20 MiB, whether it is ever administered or not.
 */
function compileWhenNeeded(): ValidatorCompiler {
  // Parameters are text, and become what the schema says; a body is what it is. Both compilers load a module, which a process
  // without a free descriptor couldn't do any more: the first change must not be the one that fails.
  const compilers = {
    text: AjvCompiler()({}, { customOptions: { ...VALIDATION, coerceTypes: true } }),
    json: AjvCompiler()({}, { customOptions: { ...VALIDATION, coerceTypes: false } }),
  };
  return (part) => {
    // The compiler takes the whole definition, whatever its type says.
    const validator = lazily(() => compilers[part.httpPart === "body" ? "json" : "text"](part) as ValidateFunction);
    const validate: ValidateFunction = (value) => {
      const isValid = validator()(value);
      validate.errors = validator().errors;
      return isValid;
    };
    return validate as ReturnType<ValidatorCompiler>;
  };
}

interface ValidateFunction {
  (value: unknown): boolean;
  errors?: unknown;
}

function lazily<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** The methods with which a path of the admin API is served; none where it isn't. */
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

const VALIDATION = { allErrors: true, removeAdditional: false, useDefaults: true } as const;

async function admit(request: FastifyRequest, route: AdminRoute, dependencies: AdminDependencies): Promise<void> {
  const { origins, refusalLimit, clientAddress } = dependencies;
  const isChange = route.method !== "GET";
  const { origin } = request.headers;
  const address = clientAddress(request.raw);
  if (origin !== undefined && !comesFromConsole(request, origin, origins)) throw originRefused(origins);
  if (route.access === "anyone") {
    // Also here: otherwise another page could sign an operator in as somebody else.
    if (isChange && origin === undefined) throw originRefused(origins);
    return;
  }
  refusalLimit.check(address);
  request.principal = await requirePrincipal(request, route, dependencies);
}

/** Browsers say themselves whether a request comes from the very origin that it goes to (Fetch Metadata, Sec-Fetch-Site). */
function comesFromConsole({ headers }: FastifyRequest, origin: string, origins: Origins): boolean {
  const site = headers["sec-fetch-site"];
  return origins.isConsole(origin, headers.host) && (site === undefined || site === "same-origin");
}

/**
 * Who asks, and may they: once more when the body is there. Whoever sends it may take their time over it, and be switched off, or
 * may less, meanwhile.
 */
async function admitAgain(request: FastifyRequest, route: AdminRoute, dependencies: AdminDependencies): Promise<void> {
  if (route.access === "anyone" || route.method === "GET") return;
  request.principal = await requirePrincipal(request, route, dependencies);
}

/** @throws {Refusal} `sign_in_required`, `origin_refused`, `forbidden`, `fresh_sign_in_required` */
async function requirePrincipal(
  request: FastifyRequest,
  { access, method, fresh }: AdminRoute,
  dependencies: AdminDependencies,
): Promise<Principal> {
  const { origins, refusalLimit, clientAddress } = dependencies;
  const { authorization, origin } = request.headers;
  const principal = await authenticate(request, authorization, dependencies);
  if (principal === undefined || isOtherPage(request, principal)) {
    refusalLimit.count(clientAddress(request.raw));
    throw new Refusal("sign_in_required", "Sign in, or send an admin token.", {
      hint: 'Programs send "Authorization: Bearer csat_…"; countersign admin-token create makes one.',
    });
  }
  // A browser adds the cookie by itself, whoever made it ask; it adds no Authorization header.
  if (method !== "GET" && principal.kind === "operator" && origin === undefined) throw originRefused(origins);
  if (access === "operator") {
    if (principal.kind !== "operator") {
      throw new Refusal("forbidden", "This is for people: an admin token has no password, passkeys or sessions.");
    }
  } else if (access !== "anyone") {
    requireRole(principal, access.role, access.everywhere);
    if (access.byOperator === true && principal.kind !== "operator") {
      throw new Refusal("forbidden", "Only an operator can do this: what an admin token makes must not outlive it.");
    }
  }
  if (fresh === true && principal.kind === "operator") requireFresh(principal.isFresh);
  return principal;
}

/** Is the page another operator's, who was signed in before in this browser? It says whose it is; programs needn't. */
function isOtherPage({ headers }: FastifyRequest, principal: Principal): boolean {
  const pageOperator = headers[OPERATOR_HEADER];
  return pageOperator !== undefined && principal.kind === "operator" && pageOperator !== String(principal.operator.id);
}

/** By the `Authorization` header where there is one, otherwise by the cookie: never by the one because the other failed. */
async function authenticate(
  request: FastifyRequest,
  authorization: string | undefined,
  { authenticate: by, origins }: AdminDependencies,
): Promise<Principal | undefined> {
  if (authorization !== undefined) {
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    return token === undefined ? undefined : by.byAdminToken(token);
  }
  const secret = readSessionCookie(request.cookies, { origins, host: request.headers.host ?? "" });
  return secret === undefined ? undefined : by.bySession(secret);
}

function originRefused({ consoleUrl }: Origins): Refusal {
  return new Refusal("origin_refused", "The request doesn't come from the console.", {
    hint: `The console is at ${consoleUrl}; COUNTERSIGN_ADMIN_URL says at which address browsers reach it.`,
  });
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

function sendEnvelope(
  { answers }: AdminRoute,
  answer: ListAnswer<unknown> | ItemAnswer<unknown> | CreatedAnswer<unknown>,
  reply: FastifyReply,
): Envelope<unknown> | ListEnvelope<unknown> {
  const code = answers === "created" ? 201 : 200;
  reply.code(code).type("application/json; charset=utf-8");
  if (answers === "list") {
    const { data, count, next, previous } = answer as ListAnswer<unknown>;
    const isMinimum = count > COUNT_MAX;
    return {
      meta: {
        code,
        errors: [],
        warnings: [],
        count: isMinimum ? COUNT_MAX : count,
        count_is_minimum: isMinimum,
        next,
        previous,
      },
      data,
    };
  }
  const { data, etag, warnings = [] } = answer as ItemAnswer<unknown>;
  if (etag !== undefined) reply.header("ETag", etag);
  if (answers === "created") {
    const { location, isRepeated } = answer as CreatedAnswer<unknown>;
    if (location !== undefined) reply.header("Location", ADMIN_PATH + location);
    if (isRepeated) reply.header("Idempotency-Replayed", "true");
  }
  return { meta: { code, errors: [], warnings }, data };
}

/** Where a schema's part stands in a pointer's name, for messages. */
const PART_NAMES: Readonly<Record<string, string>> = { body: "body", querystring: "query", params: "path" };

/** What the schemas found, field by field. A value is never repeated: it may be a secret in the wrong place. */
function fieldRefusal(errors: readonly FastifySchemaValidationError[], part: string): Refusal {
  const fields: FieldProblem[] = [];
  for (const { instancePath, keyword, params } of errors) {
    const member = params["missingProperty"] ?? params["additionalProperty"];
    const field = typeof member === "string" && isPlainName(member) ? `${instancePath}/${member}` : instancePath;
    // Of the branches of an alternative, each complains; one word about the field is enough.
    if (fields.some((problem) => problem.field === field)) continue;
    fields.push({ field, message: fieldMessage(field, keyword, params, PART_NAMES[part] ?? part) });
  }
  return new Refusal("field_invalid", fields[0]?.message ?? "A field isn't valid.", { fields });
}

function isPlainName(name: string): boolean {
  return /^[a-z_]{1,40}$/.test(name);
}

/** `a string or null`. */
function typeNames(types: unknown): string {
  const names: Readonly<Record<string, string>> = {
    string: "a string",
    integer: "a whole number",
    boolean: "true or false",
    object: "an object",
    array: "a list",
  };
  // Of several, Ajv joins the names.
  return String(types)
    .split(",")
    .map((type) => names[type] ?? type)
    .join(" or ");
}

function fieldMessage(field: string, keyword: string, params: Readonly<Record<string, unknown>>, part: string): string {
  const name = field === "" ? `The ${part}` : `"${field.slice(1)}"`;
  const limit = String(params["limit"]);
  switch (keyword) {
    case "required":
      return `${name} is missing.`;
    case "additionalProperties":
      return field === "" ? `The ${part} has a member that isn't known here.` : `${name} isn't known here.`;
    case "type":
      return field === "" ? `${name} must be a JSON object.` : `${name} must be ${typeNames(params["type"])}.`;
    case "enum":
      return `${name} must be one of ${(params["allowedValues"] as readonly unknown[]).join(", ")}.`;
    case "minLength":
      return `${name} must have at least ${limit} character(s).`;
    case "maxLength":
      return `${name} must have at most ${limit} characters.`;
    case "minimum":
      return `${name} must be at least ${limit}.`;
    case "maximum":
      return `${name} must be at most ${limit}.`;
    case "format":
      return `${name} must be a time in RFC 3339, such as 2026-12-31T23:59:59Z.`;
    default:
      return `${name} isn't valid.`;
  }
}
