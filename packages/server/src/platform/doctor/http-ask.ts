/** What the doctor asks of the outside: HTTP, certificates, time, disks and files. It reads, and changes nothing. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Ask, HttpAnswer } from "../../core/doctor/ask-service.ts";

/** How long an answer may take, in milliseconds. */
const ANSWER_MS_MAX = 5000;

/** How much of a body is read, in bytes. */
const BODY_BYTES_MAX = 65_536;

/** Describes failures of a connection, by the code of the system or of TLS. */
const PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "there is no route",
  ENETUNREACH: "there is no route",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the name server doesn't answer",
  ETIMEDOUT: "it didn't answer in time",
  ENOENT: "there is no such socket",
  EACCES: "this user may not use the socket",
  EPROTO: "it doesn't speak TLS",
  ERR_SSL_WRONG_VERSION_NUMBER: "it doesn't speak TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it doesn't speak TLS",
  HPE_INVALID_CONSTANT: "it doesn't speak HTTP",
};

/** Describes an error of a connection, as the end of a sentence. */
export function describeConnectionError(error: unknown): string {
  const one = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = one instanceof Error && "code" in one ? String(one.code) : undefined;
  return PROBLEMS[code ?? ""] ?? code ?? (one instanceof Error ? one.message : "it failed");
}

export interface AskOptions {
  /** A Unix socket to connect to instead of the URL's host. */
  readonly socketPath?: string | undefined;
  /** Whether to check the server's certificate. `false` by default: a check of its own does that, and the others can continue. */
  readonly isVerified?: boolean;
}

/**
 * Makes a function that asks one place. Each request has a connection of its own, and none carries a secret.
 *
 * @param baseUrl without a slash at the end
 */
export function createAsk(baseUrl: string, { socketPath, isVerified = false }: AskOptions = {}): Ask {
  const base = new URL(baseUrl);
  return (path, { method = "GET", headers = {} } = {}) =>
    new Promise<HttpAnswer>((resolve) => {
      const request = base.protocol === "https:" ? requestHttps : requestHttp;
      const asked = request(`${baseUrl}${path}`, {
        method,
        headers: { ...headers, connection: "close" },
        agent: false,
        rejectUnauthorized: isVerified,
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        ...(socketPath !== undefined && { socketPath }),
      });
      asked.on("error", (error) => {
        const isTimeout = error.name === "AbortError" || error.name === "TimeoutError";
        resolve({ problem: isTimeout ? "it didn't answer in time" : describeConnectionError(error) });
      });
      // Without a listener, Node would drop the connection, and no other event would come.
      asked.on("upgrade", ({ statusCode = 101 }, socket) => {
        socket.destroy();
        resolve({ status: statusCode, location: undefined, body: "" });
      });
      asked.on("response", (response) => {
        let body = "";
        const end = () => {
          resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
        };
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
          if (body.length <= BODY_BYTES_MAX) return;
          end();
          response.destroy();
        });
        response.on("end", end);
        response.on("error", (error) => resolve({ problem: describeConnectionError(error) }));
      });
      asked.end();
    });
}
