import type { IncomingMessage, ServerResponse } from "node:http";
import { PROBE_HEADER, type ProbeAnswer, type Probes } from "../../core/doctor/probe.ts";
import { jsonHeaders, sendAnswer } from "../server/answers.ts";
import { peerAddress } from "../server/client-address.ts";
import type { EndpointSurroundings, PlainEndpoint } from "../server/endpoint.ts";
import type { TrustedProxies } from "../server/trusted-proxies.ts";
import type { IsReading } from "./is-reading.ts";

export interface ProbeDependencies {
  readonly probes: Pick<Probes, "isValid" | "answer">;
  /** What this service is. */
  readonly self: Pick<ProbeAnswer, "storeId" | "version" | "runtime">;
  readonly trustedProxies: TrustedProxies;
  /** Its own, because a probe's headers must not use up the one warning about an unnamed gateway. */
  readonly mayRead: IsReading;
}

/**
 * Answers `countersign doctor` with what this listener sees of its request, whatever the method. Without a valid question the path
 * doesn't exist: `otherwise` answers.
 */
export function createProbeEndpoint(
  { probes, self, trustedProxies, mayRead }: ProbeDependencies,
  { clientAddress, clientSource, nextRequestId }: EndpointSurroundings,
  otherwise: PlainEndpoint,
): PlainEndpoint {
  return (request: IncomingMessage, response: ServerResponse) => {
    const question = request.headers[PROBE_HEADER];
    if (!probes.isValid(question)) {
      otherwise(request, response);
      return;
    }
    const peer = peerAddress(request);
    const forwardedFor = request.headers["x-forwarded-for"];
    const body = probes.answer(question, {
      ...self,
      peer,
      isPeerTrusted: trustedProxies.isTrustedPeer(request.socket),
      client: clientAddress(request),
      source: clientSource.find(request),
      mayRead: mayRead(request),
      forwardedFor: forwardedFor === undefined ? null : String(forwardedFor),
    });
    sendAnswer(response, { status: 200, headers: jsonHeaders(nextRequestId(), body), body });
  };
}
