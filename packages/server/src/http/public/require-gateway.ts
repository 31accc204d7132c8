import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { Refusal } from "../../core/refusal.ts";
import { isVerifiedClient } from "../server/trusted-proxies.ts";

/** Requires that a request comes from a gateway with a client certificate. @throws {Refusal} `certificate_required` */
export type RequireGateway = (request: IncomingMessage) => void;

/**
 * @param onRefused called once for each kind of problem, with OpenSSL's name for it, or `none` if the gateway sent no certificate
 */
export function createRequireGateway(onRefused: (problem: string) => void): RequireGateway {
  const reported = new Set<string>();
  return ({ socket }) => {
    if (isVerifiedClient(socket)) return;
    const problem = problemOf(socket as Partial<TLSSocket>);
    if (!reported.has(problem)) onRefused(problem);
    reported.add(problem);
    throw new Refusal("certificate_required", "Only a gateway with a client certificate may have tokens checked.", {
      hint: "Configure the gateway with its certificate and key; the service's log says what was wrong.",
    });
  };
}

/** OpenSSL's names are few, so what is remembered of them is bounded. */
function problemOf(socket: Partial<TLSSocket>): string {
  const hasCertificate = Object.keys(socket.getPeerCertificate?.() ?? {}).length > 0;
  // The type says Error, and Node gives the code.
  return hasCertificate ? String(socket.authorizationError) : "none";
}
