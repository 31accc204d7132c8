/** What every operation of an OpenAPI document has, whichever code describes it. */

import { exampleOf } from "./example.ts";
import { sharedExamples } from "./refusal-examples.ts";

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
  "command lines": "Signing command lines in by the console",
  audit: "The audit log",
  explain: "Why an assertion or a token is accepted or refused",
  settings: "The effective configuration",
  doctor: "What is wrong, and how to fix it",
  webhooks: "Endpoints that get events",
  registry: "The registry as one document",
};

/** What routes answer that don't describe themselves. */
interface PlainRoute {
  readonly id: string;
  readonly answers: Readonly<
    Record<number, { readonly description: string; readonly type?: string; readonly example?: unknown }>
  >;
}

const PLAIN_ROUTES: Readonly<Record<string, PlainRoute>> = {
  "/livez": { id: "getLiveness", answers: { 200: { description: "The process runs", example: { status: "ok" } } } },
  "/readyz": {
    id: "getReadiness",
    answers: {
      200: { description: "The process can serve", example: { status: "ready" } },
      503: { description: "The process can't serve", example: { status: "not_ready", reason: "stopping" } },
    },
  },
  "/openapi.json": {
    id: "getOpenApi",
    answers: { 200: { description: "The document", type: "application/json", example: { openapi: "3.1.0" } } },
  },
  "/docs/errors": {
    id: "getErrorReference",
    answers: { 200: { description: "The page", type: "text/html", example: "<!doctype html>…" } },
  },
  "/metrics": {
    id: "getMetrics",
    answers: {
      200: { description: "The metrics", type: "text/plain", example: "countersign_tokens_issued_total 1\n" },
    },
  },
  "/.well-known/oauth-authorization-server": {
    id: "getAuthorizationServerMetadata",
    answers: { 200: { description: "The metadata" } },
  },
};

/** The content of a body, by media type. */
type Content = Readonly<Record<string, { readonly schema?: object; example?: unknown; readonly examples?: object }>>;

interface Answer {
  description?: string;
  content?: Content;
}

interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  security?: readonly object[];
  readonly tags?: readonly string[];
  readonly requestBody?: { readonly content?: Content };
  readonly responses?: Record<string, Answer>;
}

interface Document {
  readonly info?: object;
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  readonly components?: { readonly securitySchemes?: Readonly<Record<string, unknown>> };
}

/**
 * Completes a document, so that tools needn't guess: each operation has an id, a description, its security, a refusal and examples;
 * tags are described, and security schemes that no operation uses are left out.
 */
export function finishDocument<D extends object>(document: D): D {
  const { info, paths = {}, components } = document as Document;
  const tags = new Set<string>();
  const schemes = new Set<string>();
  for (const [path, methods = {}] of Object.entries(paths)) {
    for (const operation of Object.values(methods) as Operation[]) {
      finishPlainRoute(path, operation);
      operation.description ??= operation.summary ?? "";
      const { requestBody, responses = {} } = operation;
      addExamples(requestBody?.content);
      const sent = requestBody?.content?.["application/json"]?.example;
      if (!Object.keys(responses).some((status) => status.startsWith("4"))) {
        responses["431"] = { description: "headers_too_large" };
      }
      for (const [status, { content }] of Object.entries(responses)) {
        if (status.startsWith("2")) addExamples(content, Number(status), sent);
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
      examples: sharedExamples(paths),
      securitySchemes: Object.fromEntries(Object.entries(securitySchemes).filter(([name]) => schemes.has(name))),
    },
  };
}

function finishPlainRoute(path: string, operation: Operation): void {
  const route = PLAIN_ROUTES[path];
  if (route === undefined) return;
  operation.operationId = route.id;
  // They need no credentials. Any other operation says itself which it needs.
  operation.security = [];
  for (const [status, { description, type, example }] of Object.entries(route.answers)) {
    const answer = operation.responses?.[status];
    if (answer === undefined) continue;
    answer.description = description;
    if (type !== undefined) {
      answer.content = { [type]: { schema: { type: typeof example }, example } };
    } else if (example !== undefined) {
      for (const media of Object.values(answer.content ?? {})) media.example = example;
    }
  }
}

/**
 * @param status that of the answer, which its envelope repeats
 * @param sent the example of the request, whose members the answer's data shows
 */
function addExamples(content: Content = {}, status?: number, sent: unknown = {}): void {
  for (const media of Object.values(content)) {
    if (media.schema === undefined || media.example !== undefined || media.examples !== undefined) continue;
    const example = exampleOf(media.schema);
    media.example = isEnvelope(example)
      ? { meta: { ...example.meta, code: status }, data: withMembersOf(sent as object, example.data) }
      : example;
  }
}

function isEnvelope(example: unknown): example is { readonly meta: object; readonly data: object } {
  return typeof example === "object" && example !== null && "meta" in example;
}

function withMembersOf(sent: object, data: object): object {
  const isShown = ([name, value]: [string, unknown]) => name in data && typeof value !== "object";
  return Array.isArray(data)
    ? (data as object)
    : { ...data, ...Object.fromEntries(Object.entries(sent).filter(isShown)) };
}
