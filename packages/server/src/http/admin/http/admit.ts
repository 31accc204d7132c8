import { OPERATOR_HEADER } from "@countersign/protocol";
import type { FastifyRequest } from "fastify";
import type { AuthenticatePrincipal } from "../../../core/operators/authenticate.ts";
import { requireRole } from "../../../core/operators/authorize.ts";
import type { Principal } from "../../../core/operators/model.ts";
import { requireFresh } from "../../../core/operators/sessions.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { ClientAddress } from "../../server/client-address.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import type { Origins } from "./origins.ts";
import type { AdminRoute } from "./route.ts";
import { readSessionCookie } from "./session-cookie.ts";

export interface AdmissionDependencies {
  readonly authenticate: AuthenticatePrincipal;
  readonly origins: Origins;
  readonly refusalLimit: RefusalLimit;
  readonly clientAddress: ClientAddress;
}

declare module "fastify" {
  interface FastifyRequest {
    principal?: Principal | undefined;
  }
}

/**
 * Before the body is read: does the request come from a page that may send it, who sends it, and may they?
 *
 * @throws {Refusal} `origin_refused`, `rate_limited`, `sign_in_required`, `forbidden`, `fresh_sign_in_required`
 */
export async function admit(
  request: FastifyRequest,
  route: AdminRoute,
  dependencies: AdmissionDependencies,
): Promise<void> {
  const { origins, refusalLimit, clientAddress } = dependencies;
  const isChange = route.method !== "GET";
  const { origin } = request.headers;
  const address = clientAddress(request.raw);
  if (origin !== undefined && !comesFromConsole(request, origin, origins)) throw originRefused(origins);
  if (route.access === "anyone") {
    // Otherwise another page could sign an operator in under another name.
    if (isChange && origin === undefined) throw originRefused(origins);
    return;
  }
  refusalLimit.check(address);
  if (route.access === "program") return;
  request.principal = await requirePrincipal(request, route, dependencies);
}

/** Browsers also say whether a request comes from the origin that it goes to (Fetch Metadata, `Sec-Fetch-Site`). */
function comesFromConsole({ headers }: FastifyRequest, origin: string, origins: Origins): boolean {
  const site = headers["sec-fetch-site"];
  return origins.isConsole(origin, headers.host) && (site === undefined || site === "same-origin");
}

/**
 * After the body is read: who sends it, and may they still? A body may arrive slowly, and the caller may have been deactivated, or
 * lost a role, meanwhile.
 *
 * @throws {Refusal} as {@link admit}
 */
export async function admitAgain(
  request: FastifyRequest,
  route: AdminRoute,
  dependencies: AdmissionDependencies,
): Promise<void> {
  if (route.access === "anyone" || route.access === "program" || route.method === "GET") return;
  request.principal = await requirePrincipal(request, route, dependencies);
}

/** @throws {Refusal} `sign_in_required`, `origin_refused`, `forbidden`, `fresh_sign_in_required` */
async function requirePrincipal(
  request: FastifyRequest,
  { access, method, fresh }: AdminRoute,
  dependencies: AdmissionDependencies,
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
  // A browser adds the cookie by itself, whichever page caused the request; it adds no Authorization header.
  if (method !== "GET" && principal.kind === "operator" && origin === undefined) throw originRefused(origins);
  if (access === "operator") {
    if (principal.kind !== "operator") {
      throw new Refusal("forbidden", "This is for people: an admin token has no password, passkeys or sessions.");
    }
  } else if (access === "admin_token") {
    if (principal.kind !== "admin_token") {
      throw new Refusal("forbidden", "This is for admin tokens: a session ends when its operator signs out.");
    }
  } else if (access !== "anyone" && access !== "program") {
    requireRole(principal, access.role, access.everywhere);
    if (access.byOperator === true && principal.kind !== "operator") {
      throw new Refusal("forbidden", "Only an operator can do this: what an admin token makes must not outlive it.");
    }
  }
  if (fresh === true && principal.kind === "operator") requireFresh(principal.isFresh);
  return principal;
}

/** Does the page belong to another operator, who was signed in before in this browser? The console names its operator; programs needn't. */
function isOtherPage({ headers }: FastifyRequest, principal: Principal): boolean {
  const pageOperator = headers[OPERATOR_HEADER];
  return pageOperator !== undefined && principal.kind === "operator" && pageOperator !== String(principal.operator.id);
}

/** By the `Authorization` header if there is one, otherwise by the cookie. One that fails doesn't fall back to the other. */
async function authenticate(
  request: FastifyRequest,
  authorization: string | undefined,
  { authenticate: by, origins }: AdmissionDependencies,
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
