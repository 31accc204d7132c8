/** What every operation of an OpenAPI document has, whichever code describes it. */

/** What each tag is about. */
const TAGS: Readonly<Record<string, string>> = {
  exchange: "An assertion in, a token out",
  check: "Is a token good? For gateways",
  oauth: "The same by OAuth 2",
  keys: "Public keys: admission, rotation, revocation",
  "resource servers": "APIs that ask about tokens",
  health: "For supervisors and load balancers",
  metrics: "For Prometheus",
  documentation: "What this service says about itself",
  "sign-in": "Sessions and one-time links of operators",
  me: "The signed-in operator",
  accounts: "Customers, partners and teams",
  users: "API users: the clients of the API",
  overview: "What needs attention",
  usage: "Tokens, refusals and what a deactivation would stop",
  "signing keys": "The keys that sign tokens, and the nodes that hold them",
  operators: "The people who administer the service, and their invitations",
  "admin tokens": "Credentials of programs that administer the service",
  audit: "The audit log",
  explain: "Why an assertion or a token is accepted or refused",
  settings: "The effective configuration",
  doctor: "What is wrong, and how to fix it",
  webhooks: "Endpoints that get events",
  registry: "The registry as one document",
};

/** Operations of routes that don't name themselves. */
const OPERATION_IDS: Readonly<Record<string, string>> = {
  "/livez": "getLiveness",
  "/readyz": "getReadiness",
  "/openapi.json": "getOpenApi",
  "/docs/errors": "getErrorReference",
  "/metrics": "getMetrics",
  "/.well-known/oauth-authorization-server": "getAuthorizationServerMetadata",
};

interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  security?: readonly object[];
  readonly tags?: readonly string[];
  readonly responses?: Record<string, object>;
}

interface Document {
  readonly info?: object;
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  readonly components?: { readonly securitySchemes?: Readonly<Record<string, unknown>> };
}

/**
 * Completes a document, so that tools needn't guess: each operation has an id, a description, its security and a refusal; tags are
 * described, and security schemes that no operation uses are left out.
 */
export function finishDocument<D extends object>(document: D): D {
  const { info, paths = {}, components } = document as Document;
  const tags = new Set<string>();
  const schemes = new Set<string>();
  for (const [path, methods = {}] of Object.entries(paths)) {
    for (const operation of Object.values(methods) as Operation[]) {
      const ownId = OPERATION_IDS[path];
      if (ownId !== undefined) {
        operation.operationId = ownId;
        // They need no credentials. Any other operation says itself which it needs.
        operation.security = [];
      }
      operation.description ??= operation.summary ?? "";
      const { responses } = operation;
      if (responses !== undefined && !Object.keys(responses).some((status) => status.startsWith("4"))) {
        responses["431"] = { description: "headers_too_large" };
      }
      for (const tag of operation.tags ?? []) tags.add(tag);
      for (const scheme of (operation.security ?? []).flatMap(Object.keys)) schemes.add(scheme);
    }
  }
  const { securitySchemes = {} } = components ?? {};
  return {
    ...document,
    info: { ...info, contact: { name: "The operators of this service" } },
    tags: [...tags].map((name) => ({ name, description: TAGS[name] })),
    components: {
      ...components,
      securitySchemes: Object.fromEntries(Object.entries(securitySchemes).filter(([name]) => schemes.has(name))),
    },
  };
}
