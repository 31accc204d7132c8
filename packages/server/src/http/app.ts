import { createHash } from "node:crypto";
import { METHODS, type IncomingMessage, type ServerResponse } from "node:http";
import {
  CHANGES_PATH,
  CHECK_PATH,
  ERRORS_PATH,
  INTROSPECTION_PATH,
  KEY_CHALLENGES_PATH,
  KEYS_PATH,
  LIVENESS_PATH,
  METRICS_PATH,
  OAUTH_TOKEN_PATH,
  OPENAPI_PATH,
  READINESS_PATH,
  REFRESH_PATH,
  REQUEST_TARGET_BYTES_MAX,
  REVOCATION_PATH,
  REVOKE_KEY_PATH,
} from "@countersign/protocol";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from "fastify";
import type { CheckToken } from "../core/check.ts";
import { PROBE_PATH } from "../core/doctor/probe.ts";
import type { Exchange } from "../core/exchange.ts";
import type { GrantClientCredentials } from "../core/oauth/client-credentials.ts";
import type { KeyProofs } from "../core/key-statements/key-proofs.ts";
import type { RevokeToken } from "../core/oauth/revoke-token.ts";
import { Refusal } from "../core/refusal.ts";
import type { BeginRotation } from "../core/rotation/rotate-key.ts";
import type { KeyStore } from "../core/keys/store.ts";
import type { RevokeKey } from "../core/revocation/revoke-key.ts";
import { documentAdminRoutes } from "./admin/http/openapi.ts";
import { NAMED_SCHEMAS } from "./admin/named-schemas.ts";
import type { Origins } from "./admin/http/origins.ts";
import { type AdminDependencies, allowedAdminMethods, registerAdminRoutes } from "./admin/http/register-routes.ts";
import { ADMIN_ROUTES } from "./admin/routes.ts";
import {
  type Audience,
  bodyHeadersWith,
  failureReason,
  publicRefusal,
  refusalAnswer,
  sendAnswer,
} from "./server/answers.ts";
import { createCheckEndpoint } from "./public/check-endpoint.ts";
import type { IsReading } from "./public/is-reading.ts";
import type { RequireGateway } from "./public/require-gateway.ts";
import { createConsoleFiles } from "./console/console-files.ts";
import { errorReferencePage, PAGE_STYLE } from "./docs/error-reference.ts";
import type { EndpointSurroundings, PlainEndpoint } from "./server/endpoint.ts";
import { createExchangeEndpoint } from "./public/exchange-endpoint.ts";
import { type Readiness, registerHealthRoutes } from "./server/health-routes.ts";
import { createDelayRejection, type Pause } from "./public/delay-rejection.ts";
import { createProbeEndpoint, type ProbeDependencies } from "./public/probe-endpoint.ts";
import { createRotateKeyEndpoint } from "./public/keys/rotate-key-endpoint.ts";
import { createRevokeKeyEndpoint } from "./public/keys/revoke-key-endpoint.ts";
import { createKeyChallengesEndpoint } from "./public/keys/key-challenges-endpoint.ts";
import { createIntrospectionEndpoint } from "./public/oauth/introspection-endpoint.ts";
import { registerOAuthMetadata } from "./public/oauth/metadata.ts";
import { createRevocationEndpoint } from "./public/oauth/revocation-endpoint.ts";
import { createTokenEndpoint } from "./public/oauth/token-endpoint.ts";
import { registerOpenApi } from "./docs/openapi.ts";
import { publicPaths } from "./docs/public-paths.ts";
import { nameSchemas } from "./docs/schema-names.ts";
import type { Metrics } from "./server/metrics.ts";
import type { RefusalLimit } from "./server/refusal-limit.ts";
import type { LimitedAuthentication } from "./public/authenticate-resource-server.ts";

/** The largest body that a Fastify route without a limit of its own accepts, in bytes. */
const BODY_BYTES_MAX = 65_536;

export interface AppDependencies extends EndpointSurroundings {
  readonly version: string;
  /** `clients` by default. */
  readonly audience?: Audience;
  readonly readiness: Readiness;
}

export interface PublicAppDependencies extends AppDependencies {
  readonly exchange: Exchange;
  readonly checkToken: CheckToken;
  readonly grantClientCredentials: GrantClientCredentials;
  readonly revokeToken: RevokeToken;
  readonly beginRotation: BeginRotation;
  /** All keys of a user. */
  readonly listKeys: KeyStore["list"];
  readonly wallMs: () => number;
  readonly revokeKey: RevokeKey;
  readonly revocationLimit: RefusalLimit;
  readonly authenticateResourceServer: LimitedAuthentication;
  /** The position of the change feed that answers reflect at least. */
  readonly feedPosition: () => number;
  /** Answers the change feed. */
  readonly changesEndpoint: PlainEndpoint;
  readonly keyProofs: Pick<KeyProofs, "makeChallenge">;
  readonly refusalLimit: RefusalLimit;
  /** Counts the nonces for proofs of possession that an address gets. */
  readonly keyChallengeLimit: RefusalLimit;
  readonly isReading: IsReading;
  /** Where gateways have client certificates. */
  readonly requireGateway?: RequireGateway | undefined;
  readonly probe: ProbeDependencies;
  readonly pause: Pause;
}

/** Answers every request of a listener. It doesn't listen itself. */
export interface App {
  readonly listener: PlainEndpoint;
  close(): Promise<void>;
}

/**
 * Builds the public application, for clients, gateways and resource servers.
 *
 * The endpoints that clients and resource servers call are served on plain `node:http`: the exchange, the check, the OAuth endpoints, the
 * change feed and the nonces for proofs. Fastify serves everything else (docs/adr/0004 has the figures).
 */
export async function buildPublicApp(dependencies: PublicAppDependencies): Promise<App> {
  const { exchange, checkToken, refusalLimit, isReading, pause, authenticateResourceServer, feedPosition } =
    dependencies;
  const delayRejection = createDelayRejection(pause);
  const exchangeEndpoint = createExchangeEndpoint(exchange, refusalLimit, delayRejection, dependencies);
  const checkEndpoint = createCheckEndpoint(
    checkToken,
    refusalLimit,
    isReading,
    dependencies,
    dependencies.requireGateway,
  );
  const { grantClientCredentials, revokeToken, changesEndpoint, revokeKey, revocationLimit } = dependencies;
  const revokeKeyEndpoint = createRevokeKeyEndpoint(revokeKey, refusalLimit, revocationLimit, dependencies);
  const { keyProofs, keyChallengeLimit } = dependencies;
  const keyChallengesEndpoint = createKeyChallengesEndpoint(keyProofs, refusalLimit, keyChallengeLimit, dependencies);
  const { beginRotation, listKeys } = dependencies;
  const rotateKeyEndpoint = createRotateKeyEndpoint(
    beginRotation,
    listKeys,
    refusalLimit,
    delayRejection,
    dependencies,
  );
  const others = new Map<string, PlainEndpoint>([
    [
      INTROSPECTION_PATH,
      createIntrospectionEndpoint(checkToken, feedPosition, authenticateResourceServer, refusalLimit, dependencies),
    ],
    [OAUTH_TOKEN_PATH, createTokenEndpoint(grantClientCredentials, refusalLimit, delayRejection, dependencies)],
    [REVOCATION_PATH, createRevocationEndpoint(revokeToken, refusalLimit, delayRejection, dependencies)],
    [CHANGES_PATH, changesEndpoint],
    [CHANGES_PATH.slice(0, -1), changesEndpoint],
    [KEYS_PATH, rotateKeyEndpoint],
    [KEYS_PATH.slice(0, -1), rotateKeyEndpoint],
    [REVOKE_KEY_PATH, revokeKeyEndpoint],
    [REVOKE_KEY_PATH.slice(0, -1), revokeKeyEndpoint],
    [KEY_CHALLENGES_PATH, keyChallengesEndpoint],
    [KEY_CHALLENGES_PATH.slice(0, -1), keyChallengesEndpoint],
  ]);

  const app = createFastify(dependencies);
  await registerOpenApi(app, apiInfo(dependencies, "Countersign", dependencies.publicUrl), publicPaths());
  registerCommonRoutes(app, dependencies);
  registerOAuthMetadata(app, dependencies.publicUrl);
  await app.ready();

  const routed = routeTo(app);
  others.set(PROBE_PATH, createProbeEndpoint(dependencies.probe, dependencies, routed));
  return {
    close: () => app.close(),
    listener: tracedBy(dependencies, (request, response) => {
      const target = originForm(request);
      if (target.length > REQUEST_TARGET_BYTES_MAX) {
        const problem = `The request's path and query have over ${REQUEST_TARGET_BYTES_MAX} characters.`;
        refuse(new Refusal("uri_too_long", problem), dependencies.nextRequestId(), response, dependencies);
        return;
      }
      const question = target.indexOf("?");
      const path = question < 0 ? target : target.slice(0, question);
      if (path === REFRESH_PATH || path === WITHOUT_SLASH.refresh) exchangeEndpoint(request, response);
      else if (path.startsWith(CHECK_PATH) || path === WITHOUT_SLASH.check) checkEndpoint(request, response);
      else (others.get(path) ?? routed)(request, response);
    }),
  };
}

function tracedBy({ tracing }: AppDependencies, listener: PlainEndpoint): PlainEndpoint {
  return tracing === undefined ? listener : tracing.wrap(listener);
}

export interface InternalAppDependencies extends AppDependencies {
  readonly adminUrl: string;
  readonly admin: AdminDependencies;
  /** The folder of the console's built files. */
  readonly consoleFolder: string;
}

/** Builds the internal application, for operators, admin tokens and Prometheus. */
export async function buildInternalApp(internalDependencies: InternalAppDependencies): Promise<App> {
  const dependencies = { ...internalDependencies, audience: "operators" as const };
  const { metrics, adminUrl, admin, consoleFolder, nextRequestId } = dependencies;
  const app = createFastify(dependencies, (path) => allowedAdminMethods(ADMIN_ROUTES, path));
  const info = apiInfo(dependencies, "Countersign, internal listener", adminUrl);
  await registerOpenApi(app, info, {}, documentAdminRoutes(ADMIN_ROUTES, nameSchemas(NAMED_SCHEMAS)));
  registerCommonRoutes(app, dependencies);
  registerMetrics(app, metrics, admin.origins);
  await registerAdminRoutes(app, ADMIN_ROUTES, admin);
  await app.ready();
  const routed = routeTo(app);
  const consoleFiles = createConsoleFiles(consoleFolder, nextRequestId);
  return {
    close: () => app.close(),
    listener: tracedBy(dependencies, (request, response) => {
      const otherwise = () => {
        routed(request, response);
      };
      const path = originForm(request).split("?", 1)[0] ?? "/";
      if (NOT_THE_CONSOLE.some((beginning) => path.startsWith(beginning))) otherwise();
      else consoleFiles(request, response, otherwise);
    }),
  };
}

export interface MetricsAppDependencies extends AppDependencies {
  readonly origins: Pick<Origins, "isKnownHost">;
}

/** Builds what a node serves to Prometheus and health checks if it doesn't serve the internal listener. */
export async function buildMetricsApp(dependencies: MetricsAppDependencies): Promise<App> {
  const app = createFastify(dependencies);
  registerHealthRoutes(app, dependencies.readiness);
  registerMetrics(app, dependencies.metrics, dependencies.origins);
  await app.ready();
  return { listener: routeTo(app), close: () => app.close() };
}

function registerMetrics(app: FastifyInstance, metrics: Metrics, origins: Pick<Origins, "isKnownHost">): void {
  app.get(
    METRICS_PATH,
    { schema: { tags: ["metrics"], summary: "Metrics for Prometheus" } },
    async ({ headers }, reply) => {
      // Needs no token, so a web page whose owner points its host name at this listener (DNS rebinding) must not read it.
      if (!origins.isKnownHost(headers.host)) throw hostRefused();
      return reply.type(metrics.contentType).send(await metrics.text());
    },
  );
}

function hostRefused(): Refusal {
  return new Refusal("host_refused", "The metrics aren't served under this host name.", {
    hint: "Use an IP address or localhost, or add the name to COUNTERSIGN_ADMIN_NAMES.",
  });
}

/** Paths under which the internal listener never serves the console. */
const NOT_THE_CONSOLE = ["/api/", METRICS_PATH, LIVENESS_PATH, READINESS_PATH, OPENAPI_PATH, ERRORS_PATH];

const WITHOUT_SLASH = { refresh: REFRESH_PATH.slice(0, -1), check: CHECK_PATH.slice(0, -1) } as const;

/** The path and query of a request. A proxy may send an absolute target (RFC 9112 §3.2.2), which is rewritten. */
function originForm(request: IncomingMessage): string {
  const target = request.url ?? "/";
  if (target.startsWith("/")) return target;
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  if (origin === undefined) return target;
  const rest = target.slice(origin.length);
  request.url = rest.startsWith("/") ? rest : `/${rest}`;
  return request.url;
}

/** @param allowedBeside methods that are allowed for a path in addition to Fastify's routes */
function createFastify(
  dependencies: AppDependencies,
  allowedBeside: (path: string) => readonly string[] = () => [],
): FastifyInstance {
  const { nextRequestId, log, metrics, clientAddress, tracing } = dependencies;
  const sendError = (error: unknown, requestId: string, response: ServerResponse) => {
    refuse(error, requestId, response, dependencies);
  };
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: nextRequestId,
    bodyLimit: BODY_BYTES_MAX,
    exposeHeadRoutes: true,
    frameworkErrors: (error, request, reply) => {
      sendError(error, request.id, reply.hijack().raw);
    },
  }) as unknown as FastifyInstance;

  if (tracing !== undefined) {
    app.addHook("onRequest", (request, reply, done) => {
      tracing.routed(reply.raw, request.routeOptions.url, request.id);
      done();
    });
    // A body arrives in callbacks of its connection, which doesn't know which request it belongs to.
    app.addHook("preValidation", (_request, reply, done) => {
      tracing.resume(reply.raw, done);
    });
  }
  app.addHook("onRequest", (request, reply, done) => {
    const headers = bodyHeadersWith(request.id);
    for (let at = 0; at < headers.length; at += 2) reply.header(headers[at] ?? "", headers[at + 1]);
    // Before the body is read: without a route, faults in the body don't matter.
    if (request.is404) refuseNotFound(request, reply);
    else done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    metrics.requestEnded("other", reply.elapsedTime);
    log.debug(
      {
        request_id: request.id,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        client: clientAddress(request.raw),
      },
      "request answered",
    );
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    sendError(error, request.id, reply.hijack().raw);
  });
  function refuseNotFound(request: FastifyRequest, reply: FastifyReply): void {
    const path = (request.raw.url ?? "/").split("?")[0] ?? "/";
    const allow = allowedMethods(app, path, allowedBeside(path));
    if (allow !== undefined && request.method === "OPTIONS") {
      void reply.code(204).header("Allow", allow).send();
      return;
    }
    const refusal =
      allow === undefined
        ? new Refusal("not_found", "There is nothing at this path.", { hint: `${OPENAPI_PATH} lists all paths.` })
        : new Refusal("method_not_allowed", "The path exists, but not with this method.", { allow });
    sendError(refusal, request.id, reply.hijack().raw);
  }
  return app;
}

const KNOWN_METHODS: ReadonlySet<string | undefined> = new Set(METHODS);

/**
 * Serves requests by an application's routes. Fastify's router knows only the methods of Node's parser, so any other method is
 * passed to it as TRACE, which no route accepts.
 */
function routeTo(app: FastifyInstance): PlainEndpoint {
  return (request, response) => {
    if (!KNOWN_METHODS.has(request.method)) request.method = "TRACE";
    app.routing(request, response);
  };
}

/** The methods that a path allows; `undefined` if the path doesn't exist. */
function allowedMethods(app: FastifyInstance, path: string, beside: readonly string[]): string | undefined {
  const methods = (["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const).filter(
    (method) => beside.includes(method) || app.hasRoute({ method, url: path }),
  );
  return methods.length === 0 ? undefined : [...methods, "OPTIONS"].join(", ");
}

/** Turns Fastify's own errors into refusals. Any other error stays a defect. */
function toRefusal(error: unknown): unknown {
  if (error instanceof Refusal || !(error instanceof Error) || !("statusCode" in error)) return error;
  if (error.statusCode === 413) {
    return new Refusal("body_too_large", `The body is larger than ${BODY_BYTES_MAX} bytes.`, { cause: error });
  }
  const isClientsFault = typeof error.statusCode === "number" && error.statusCode >= 400 && error.statusCode < 500;
  return isClientsFault
    ? new Refusal("bad_request", "The request's path or body isn't valid.", { cause: error })
    : error;
}

function registerCommonRoutes(app: FastifyInstance, { readiness, audience }: AppDependencies): void {
  registerHealthRoutes(app, readiness, audience);
  // Constant documents are built once, as bytes, so that a client that requests many and reads none causes no copies.
  let openApi: Buffer | undefined;
  app.get(OPENAPI_PATH, { schema: { tags: ["documentation"], summary: "This document" } }, (_request, reply) => {
    openApi ??= Buffer.from(JSON.stringify(app.swagger()));
    return reply.type("application/json; charset=utf-8").send(openApi);
  });
  const page = Buffer.from(errorReferencePage());
  const styleHash = createHash("sha256").update(PAGE_STYLE).digest("base64");
  app.get(
    ERRORS_PATH,
    { schema: { tags: ["documentation"], summary: "Every refusal code, its cause and its fix" } },
    (_request, reply) =>
      reply
        .header("Referrer-Policy", "no-referrer")
        .header(
          "Content-Security-Policy",
          `default-src 'none'; style-src 'sha256-${styleHash}'; frame-ancestors 'none'`,
        )
        .type("text/html; charset=utf-8")
        .send(page),
  );
}

function apiInfo({ version }: AppDependencies, title: string, url: string) {
  return { title, version, url, description: "A signed assertion in, a short-lived token out; revocation at once." };
}

/** Refuses a request outside the plain endpoints, and logs why. */
function refuse(
  error: unknown,
  requestId: string,
  response: ServerResponse,
  { publicUrl, log, metrics, audience, tracing }: AppDependencies,
): void {
  const cause = toRefusal(error);
  const refusal = publicRefusal(cause, requestId, audience);
  metrics.refused("other", refusal.code);
  tracing?.refused(response, refusal.code);
  const line = { request_id: requestId, route: "other", code: refusal.code };
  if (refusal.code === "internal" || refusal.code === "unavailable") {
    log.error({ ...line, ...failureReason(cause), err: refusal.cause }, "request failed");
  } else log.debug(line, "request refused");
  sendAnswer(response, refusalAnswer(refusal, { publicUrl, requestId }));
}
