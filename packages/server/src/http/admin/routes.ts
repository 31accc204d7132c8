/**
 * Every route of the admin API as data: what it is called, who may use it, what comes in and goes out. `http/register-routes.ts` makes
 * Fastify routes of them; the OpenAPI document, the walk of every route by every role, and the console's types follow from them.
 *
 * No route looks anything up by what a caller sent before it has checked who asks and whether they may.
 */
import { accountRoutes } from "./accounts/routes.ts";
import { adminTokenRoutes } from "./admin-tokens/routes.ts";
import { auditRoutes } from "./audit/routes.ts";
import { explainRoutes } from "./explain/routes.ts";
import { invitationRoutes } from "./invitations/routes.ts";
import { keyRoutes } from "./keys/routes.ts";
import { linkRoutes } from "./links/routes.ts";
import { ownRoutes } from "./me/routes.ts";
import { operatorRoutes } from "./operators/routes.ts";
import { resourceServerRoutes } from "./resource-servers/routes.ts";
import { settingsRoutes } from "./settings/routes.ts";
import { signInRoutes } from "./sign-in/routes.ts";
import { signingKeyRoutes } from "./signing-keys/routes.ts";
import { singleSignOnRoutes } from "./single-sign-on/routes.ts";
import { usageRoutes } from "./usage/routes.ts";
import { userRoutes } from "./users/routes.ts";
import type { AdminRoutes } from "./http/route.ts";
import type { HandlersOf } from "./http/handlers.ts";

/** By their operation ids. */
export const ADMIN_ROUTES = {
  ...signInRoutes,
  ...singleSignOnRoutes,
  ...linkRoutes,
  ...ownRoutes,
  ...accountRoutes,
  ...userRoutes,
  ...keyRoutes,
  ...usageRoutes,
  ...resourceServerRoutes,
  ...signingKeyRoutes,
  ...operatorRoutes,
  ...invitationRoutes,
  ...adminTokenRoutes,
  ...auditRoutes,
  ...explainRoutes,
  ...settingsRoutes,
} as const satisfies AdminRoutes;

/** One handler for each route. */
export type AdminHandlers = HandlersOf<typeof ADMIN_ROUTES>;
