/**
 * Every route of the admin API as data, by operation id. `http/register-routes.ts` registers them with Fastify; the OpenAPI document,
 * the console's types and the test that walks every route by every role follow from them.
 *
 * A route identifies and authorizes the caller before it looks up anything that the request names.
 */
import { accountRoutes } from "./accounts/routes.ts";
import { adminTokenRoutes } from "./admin-tokens/routes.ts";
import { auditRoutes } from "./audit/routes.ts";
import { deviceSignInRoutes } from "./device-sign-ins/routes.ts";
import { doctorRoutes } from "./doctor/routes.ts";
import { explainRoutes } from "./explain/routes.ts";
import { invitationRoutes } from "./invitations/routes.ts";
import { deactivationRoutes } from "./deactivations/routes.ts";
import { importRoutes } from "./imports/routes.ts";
import { keyRoutes } from "./keys/routes.ts";
import { linkRoutes } from "./links/routes.ts";
import { ownRoutes } from "./me/routes.ts";
import { operatorRoutes } from "./operators/routes.ts";
import { overviewRoutes } from "./overview/routes.ts";
import { registryRoutes } from "./registry/routes.ts";
import { resourceServerRoutes } from "./resource-servers/routes.ts";
import { settingsRoutes } from "./settings/routes.ts";
import { signInRoutes } from "./sign-in/routes.ts";
import { signingKeyRoutes } from "./signing-keys/routes.ts";
import { singleSignOnRoutes } from "./single-sign-on/routes.ts";
import { usageRoutes } from "./usage/routes.ts";
import { userRoutes } from "./users/routes.ts";
import { webhookRoutes } from "./webhooks/routes.ts";
import type { AdminRoutes } from "./http/route.ts";
import type { HandlersOf } from "./http/handlers.ts";

export const ADMIN_ROUTES = {
  ...signInRoutes,
  ...singleSignOnRoutes,
  ...linkRoutes,
  ...ownRoutes,
  ...deviceSignInRoutes,
  ...accountRoutes,
  ...userRoutes,
  ...importRoutes,
  ...deactivationRoutes,
  ...keyRoutes,
  ...overviewRoutes,
  ...usageRoutes,
  ...resourceServerRoutes,
  ...signingKeyRoutes,
  ...operatorRoutes,
  ...invitationRoutes,
  ...adminTokenRoutes,
  ...auditRoutes,
  ...explainRoutes,
  ...settingsRoutes,
  ...doctorRoutes,
  ...webhookRoutes,
  ...registryRoutes,
} as const satisfies AdminRoutes;

/** One handler for each route. */
export type AdminHandlers = HandlersOf<typeof ADMIN_ROUTES>;
