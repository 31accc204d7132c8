import { METHODS, type IncomingMessage, type ServerResponse } from "node:http";
import {
  CHANGES_PATH,
  CHECK_PATH,
  INTROSPECTION_PATH,
  KEY_CHALLENGES_PATH,
  KEYS_PATH,
  LIVENESS_PATH,
  METRICS_PATH,
  OAUTH_TOKEN_PATH,
  READINESS_PATH,
  REFRESH_PATH,
  type RefusalCode,
  REVOCATION_PATH,
  REVOKE_KEY_PATH,
} from "@countersign/protocol";
import { type Failure, refusalFailure, type RemoteParent, type Span, type Tracer } from "../../core/tracer.ts";
import type { EndpointRoute } from "./metrics.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/** Answers a request. */
type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Traces the requests of a listener: one span each, by OpenTelemetry's semantic conventions for HTTP. */
export interface RequestTracing {
  /** Begins a span with each request and ends it with the answer. */
  wrap(listener: Listener): Listener;
  /** Names the route that answers. @param template never the path itself, which is the client's text; `undefined` if none does */
  routed(response: ServerResponse, template: string | undefined, requestId: string): void;
  refused(response: ServerResponse, code: RefusalCode): void;
  /** Continues the request's work from a callback that doesn't know what it belongs to. */
  resume<Result>(response: ServerResponse, work: () => Result): Result;
}

/** The path of each plain endpoint. */
export const ROUTE_TEMPLATES: Readonly<Record<EndpointRoute, string>> = {
  exchange: REFRESH_PATH,
  check: `${CHECK_PATH}*`,
  introspection: INTROSPECTION_PATH,
  oauth_token: OAUTH_TOKEN_PATH,
  revocation: REVOCATION_PATH,
  revoke_key: REVOKE_KEY_PATH,
  rotate_key: KEYS_PATH,
  changes: CHANGES_PATH,
  key_challenges: KEY_CHALLENGES_PATH,
};

/** Probes and scrapes come every few seconds, and would be most of an idle service's traces. */
const UNTRACED: ReadonlySet<string | undefined> = new Set([LIVENESS_PATH, READINESS_PATH, METRICS_PATH]);

const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

interface TracedRequest {
  readonly span: Span;
  readonly method: string;
  failure: Failure | undefined;
}

/**
 * @param trustedProxies decide whether a request's trace is recorded, as `traceparent` says. Anyone else can only name the trace: a
 *   client must not be able to have its requests recorded
 */
export function createRequestTracing(
  tracer: Tracer,
  listener: "public" | "internal",
  { isTrustedPeer }: Pick<TrustedProxies, "isTrustedPeer">,
): RequestTracing {
  const requests = new WeakMap<ServerResponse, TracedRequest>();

  function parentOf({ headers, socket }: IncomingMessage): RemoteParent | undefined {
    const { traceparent, tracestate } = headers;
    if (typeof traceparent !== "string") return undefined;
    const state = typeof tracestate === "string" ? tracestate : undefined;
    return { traceparent, tracestate: state, isTrusted: isTrustedPeer(socket) };
  }

  return {
    wrap: (serve) => (request, response) => {
      if (UNTRACED.has(request.url)) {
        serve(request, response);
        return;
      }
      const { method: sent = "" } = request;
      const method = KNOWN_METHODS.has(sent) ? sent : "_OTHER";
      const attributes = { "http.request.method": method, "countersign.listener": listener };
      const span = tracer.begin("server", method === "_OTHER" ? "HTTP" : method, attributes, parentOf(request));
      const traced: TracedRequest = { span, method, failure: undefined };
      requests.set(response, traced);
      response.once("close", () => {
        if (response.headersSent) span.set({ "http.response.status_code": response.statusCode });
        // The client, or a limit on connections, has ended the request before its answer was complete.
        span.end(traced.failure ?? (response.writableFinished ? undefined : { type: "aborted", isFault: false }));
      });
      span.run(() => {
        serve(request, response);
      });
    },
    routed(response, template, requestId) {
      const traced = requests.get(response);
      if (traced === undefined) return;
      traced.span.set({
        "countersign.request_id": requestId,
        ...(template !== undefined && { "http.route": template }),
      });
      if (template !== undefined && traced.method !== "_OTHER") traced.span.rename(`${traced.method} ${template}`);
    },
    refused(response, code) {
      const traced = requests.get(response);
      if (traced !== undefined) traced.failure = refusalFailure(code);
    },
    resume(response, work) {
      const traced = requests.get(response);
      return traced === undefined ? work() : traced.span.run(work);
    },
  };
}
