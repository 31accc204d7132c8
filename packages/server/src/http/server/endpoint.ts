import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import type { RefusalCode } from "@countersign/protocol";
import {
  type AnswerContext,
  failureReason,
  publicRefusal,
  refusalAnswer,
  sendAnswer,
  type WrittenAnswer,
} from "./answers.ts";
import type { ClientAddress } from "./client-address.ts";
import type { ClientSource } from "./client-source.ts";
import type { Refusal } from "../../core/refusal.ts";
import type { Logger } from "../../platform/logger.ts";
import type { EndpointRoute, Metrics } from "./metrics.ts";
import { type RequestTracing, ROUTE_TEMPLATES } from "./request-tracing.ts";

/** What every endpoint needs. */
export interface EndpointSurroundings {
  readonly publicUrl: string;
  readonly nextRequestId: () => string;
  readonly clientAddress: ClientAddress;
  readonly clientSource: ClientSource;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** `undefined` where nothing is traced. */
  readonly tracing?: RequestTracing | undefined;
}

/** Answers one request, on plain `node:http`. */
export type PlainEndpoint = (request: IncomingMessage, response: ServerResponse) => void;

/** One request and what an endpoint knows about it. */
export interface RequestContext {
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly clientAddress: () => string;
}

/**
 * Makes an endpoint from a function that answers a request. An error that the function throws becomes a refusal in the envelope;
 * a defect is logged with the request id and answered with fixed text.
 *
 * @param answer returns the answer or a promise of it
 * @param options.challenge the scheme in a 401's challenge; by default that of the refusal's code
 * @param options.refusalAnswer how a refusal is written; by default in the envelope
 * @param options.refusalLevel the level at which refusals are logged, `info` by default; beyond the refusal limit it is `debug`
 * @param options.onRefused called for each refusal that counts against the client; returns whether there were too many
 */
export function createEndpoint(
  route: EndpointRoute,
  surroundings: EndpointSurroundings,
  answer: (context: RequestContext) => WrittenAnswer | Promise<WrittenAnswer>,
  options: {
    readonly challenge?: "Token" | "Basic";
    readonly refusalAnswer?: (refusal: Refusal, context: AnswerContext, request: IncomingMessage) => WrittenAnswer;
    readonly refusalLevel?: "info" | "debug";
    readonly onRefused?: (context: RequestContext) => boolean;
  } = {},
): PlainEndpoint {
  const { publicUrl, nextRequestId, clientAddress, log, metrics, tracing } = surroundings;

  return (request, response) => {
    const startedAtMs = performance.now();
    const requestId = nextRequestId();
    tracing?.routed(response, ROUTE_TEMPLATES[route], requestId);
    const context: RequestContext = {
      request,
      requestId,
      // Not a getter: an object literal with a getter gets a hidden class of its own each time, which outlives the request.
      clientAddress: () => clientAddress(request),
    };

    const send = (written: WrittenAnswer) => {
      sendAnswer(response, written);
      metrics.requestEnded(route, performance.now() - startedAtMs);
    };
    const refuse = (error: unknown) => {
      const refusal = publicRefusal(error, requestId);
      const { code } = refusal;
      const isTooMany = isClientsFault(code) && options.onRefused?.(context) === true;
      metrics.refused(route, code);
      tracing?.refused(response, code);
      const line = { request_id: requestId, route, code, client: context.clientAddress() };
      if (code === "internal" || code === "unavailable") {
        log.error({ ...line, ...failureReason(error), err: refusal.cause }, "request failed");
      } else
        log[code === "rate_limited" || isTooMany ? "debug" : (options.refusalLevel ?? "info")](
          { ...line, reason: refusal.message },
          "request refused",
        );
      const answerContext: AnswerContext = {
        publicUrl,
        requestId,
        ...(options.challenge && { challenge: options.challenge }),
      };
      send((options.refusalAnswer ?? refusalAnswer)(refusal, answerContext, request));
    };

    const giveUp = (error: unknown) => {
      log.error({ request_id: requestId, route, err: error }, "an answer can't be written");
      response.destroy();
    };

    try {
      const written = answer(context);
      if (written instanceof Promise) written.then(send).catch(refuse).catch(giveUp);
      else send(written);
    } catch (error) {
      try {
        refuse(error);
      } catch (further) {
        giveUp(further);
      }
    }
  };
}

/** Does a refusal with this code count against the client? */
function isClientsFault(code: RefusalCode): boolean {
  return code !== "internal" && code !== "unavailable" && code !== "rate_limited";
}
