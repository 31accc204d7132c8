import { type IncomingMessage, request as requestPlain } from "node:http";
import { OperatorError } from "../core/operator-error.ts";
import { errorCode } from "./error-code.ts";
import { listenerUrl, socketPathOf } from "./listener-url.ts";

/** How long the answer may take by default, in milliseconds: less than a container's HEALTHCHECK waits. */
const ANSWER_MS_MAX = 4000;

/** How much of an answer is read, in characters. The service's own is shorter. */
const ANSWER_CHARACTERS_MAX = 10_000;

/** Where a listener of this machine is, as configured. */
export interface ListenerPlace {
  /** A name, an address, or `unix:` and the path of a socket. */
  readonly host: string;
  readonly port: number;
  readonly hasTls: boolean;
}

/** What a health endpoint answered. */
export interface HealthAnswer {
  readonly status: number;
  /** `reason` if the service can't serve, `degraded` if it can serve in part. */
  readonly body: { readonly reason?: unknown; readonly degraded?: unknown };
}

/**
 * Asks a listener of this machine for a health endpoint.
 *
 * With TLS, the certificate isn't verified: it is the public name's, which needn't lead to this machine, and whether this
 * process is healthy doesn't depend on it. The request has no secret.
 *
 * @throws {OperatorError} if the listener can't be reached, or its answer takes longer than `timeoutMs`
 */
export async function askHealth(
  { host, port, hasTls }: ListenerPlace,
  path: string,
  timeoutMs: number = ANSWER_MS_MAX,
): Promise<HealthAnswer> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const socketPath = socketPathOf(host);
  const reachable = reachableHost(host);
  const request = hasTls ? (await import("node:https")).request : requestPlain;
  const options = {
    ...(socketPath === undefined ? { host: reachable, port } : { socketPath }),
    path,
    // The name of no certificate, and one that the internal listener answers.
    headers: { host: "localhost" },
    agent: false,
    rejectUnauthorized: false,
    signal: deadline,
  };
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(options, resolve).once("error", reject).end();
    });
    return { status: answer.statusCode ?? 0, body: parseBody(await readStart(answer)) };
  } catch (error) {
    const place = socketPath === undefined ? listenerUrl(reachable, port, hasTls ? "https" : "http") : host;
    const problem = deadline.aborted ? `no answer within ${timeoutMs} ms` : errorCode(error);
    throw new OperatorError(`the service can't be reached at ${place} (${problem})`);
  }
}

/** Where this machine reaches a listener that listens on all addresses. */
function reachableHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

async function readStart(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) {
    text += chunk as string;
    if (text.length > ANSWER_CHARACTERS_MAX) break;
  }
  return text;
}

/** Another program may be listening at the address, so the body can be anything. */
function parseBody(text: string): HealthAnswer["body"] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
