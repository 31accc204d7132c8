import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/config.ts";
import { shownSettings } from "../config/shown-settings.ts";
import { createSelfExamination } from "../core/doctor/self-examination.ts";
import { createAuthenticatePrincipal } from "../core/operators/authenticate.ts";
import type { Clock } from "../core/surroundings.ts";
import { createAdminHandlers } from "../http/admin/handlers.ts";
import { createOrigins } from "../http/admin/http/origins.ts";
import { type App, buildInternalApp, buildMetricsApp } from "../http/app.ts";
import { createRequestTracing } from "../http/server/request-tracing.ts";
import { createEventLoopTurns } from "../platform/event-loop-turns.ts";
import { createOpenIdProvider } from "../platform/openid-provider.ts";
import type { Node } from "./node.ts";
import { policyOf } from "./policy.ts";
import { composeSignIn, type SingleSignOnSettings } from "./sign-in.ts";

/** The console's built files: in a checkout as in the package. */
const CONSOLE_FOLDER = fileURLToPath(new URL("../../console/", import.meta.url));

/**
 * What answers operators, their programs and Prometheus.
 *
 * @param listenerUrl where the internal listener listens
 * @param singleSignOn as configured, unless given
 */
export function composeInternalListener(
  node: Node,
  listenerUrl: string,
  singleSignOn: SingleSignOnSettings | undefined = configuredSingleSignOn(node),
): Promise<App> {
  const { config, store, clock, refusalLimit, clientAddress } = node;
  const origins = createOrigins(config.adminUrl, listenerUrl, config.adminNames);
  return buildInternalApp({
    ...node,
    tracing: node.tracer && createRequestTracing(node.tracer, "internal", node.trustedProxies),
    adminUrl: listenerUrl,
    consoleFolder: CONSOLE_FOLDER,
    admin: {
      authenticate: createAuthenticatePrincipal(store, clock, node.lastSeen),
      origins,
      refusalLimit,
      clientAddress,
      handlers: createAdminHandlers({
        ...node,
        ...composeSignIn(node, singleSignOn),
        origins,
        audiences: node.audiences.exchange,
        newestMasterSecret: node.masterSecrets[0],
        yieldToEventLoop: createEventLoopTurns(),
        policy: policyOf(config),
        settings: shownSettings(config, { publicUrl: node.publicUrl, adminUrl: listenerUrl }),
        hostName: hostname(),
        examineSelf: createSelfExamination(async () => {
          // Loaded when an operator asks for it.
          const { examineService } = await import("./doctor/examine-service.ts");
          return examineService(node, node.connections?.public?.()?.open ?? 0);
        }, clock),
        service: { publicUrl: node.publicUrl, version: node.version, keyProof: config.keyProof },
      }),
    },
  });
}

/** What answers Prometheus and health checks on a node without the internal listener. */
export function composeMetricsListener(node: Node, listenerUrl: string): Promise<App> {
  return buildMetricsApp({
    ...node,
    origins: createOrigins(node.config.adminUrl, listenerUrl, node.config.adminNames),
  });
}

/** The OpenID provider that operators sign in through; `undefined` where they sign in here. */
function configuredSingleSignOn({ config, clock }: { config: Config; clock: Clock }): SingleSignOnSettings | undefined {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: clientSecret } = config;
  if (issuer === undefined || clientId === undefined || clientSecret === undefined) return undefined;
  const client = { issuer, clientId, clientSecret, scope: config.oidcScope, groupsClaim: config.oidcGroupsClaim };
  return { provider: createOpenIdProvider(client, clock), roles: config.oidcRoles };
}
