import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Refusal } from "../core/refusal.ts";
import { LIVENESS_PATH, READINESS_PATH } from "@countersign/protocol";
import { jsonHeaders, publicRefusal, refusalAnswer, sendAnswer } from "./answers.ts";
import { drainServer } from "../platform/drain-server.ts";
import type { PlainEndpoint } from "./endpoint.ts";

/** A head that takes longer to arrive is cut off: a slow client must not hold a connection for nothing. */
const HEAD_TIMEOUT_MS = 10_000;

/** How often the two time limits are looked at; Node's default is 30 s, which would be what really holds. */
const TIMEOUT_CHECK_MS = 1000;

/** The same for a whole request. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Longer than the idle time of the usual load balancers (60 s), so that they close first and never hit a closing socket. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** All of a request's headers together. */
const HEADERS_BYTES_MAX = 16_384;

/** A listening HTTP server whose answers come from whatever {@link HttpServer.serve} was given last. */
export interface HttpServer {
  /** As a client on this machine can reach it, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /**
   * Until this is called, every request but for `/livez` waits, or is answered 503 where there is a reason.
   *
   * @param publicUrl where the `docs` links lead of those refusals that no listener sees
   */
  serve(listener: PlainEndpoint, publicUrl: string): void;
  /** Accepts nothing new, waits for requests under way, and cuts them off after `drainMsMax`. */
  drain(drainMsMax: number): Promise<void>;
}

/** The listener can't be opened; the message says which address and why. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/**
 * Opens a listener.
 *
 * @param starting why {@link HttpServer.serve} will take its time, for `/readyz`; without a reason, requests wait for it: of
 *   several processes on one port, one that starts must not refuse what the others would answer
 * @throws {ListenError} where the address is taken, unknown or not allowed
 */
export async function openHttpServer(
  host: string,
  port: number,
  nextRequestId: () => string,
  starting: { readonly reason: string | undefined },
): Promise<HttpServer> {
  let publicUrl = "";
  const waiting: (() => void)[] = [];
  let listener: PlainEndpoint = (request, response) => {
    const path = request.url?.split("?")[0];
    if (path === LIVENESS_PATH) answerJson(response, 200, { status: "ok" });
    else if (starting.reason === undefined) {
      waiting.push(() => {
        listener(request, response);
      });
    } else if (path === READINESS_PATH) answerJson(response, 503, { status: "not_ready", reason: starting.reason });
    else answerError(response, new Refusal("unavailable", "starting", { retryAfterSeconds: 1 }));
  };

  function answerJson(response: ServerResponse, status: number, value: object): void {
    const body = JSON.stringify(value);
    sendAnswer(response, { status, headers: jsonHeaders(nextRequestId(), body), body });
  }

  function answerError(response: ServerResponse, error: unknown): void {
    const requestId = nextRequestId();
    sendAnswer(response, refusalAnswer(publicRefusal(error, requestId), { publicUrl, requestId }));
  }

  /** For what never became a request: there is no ServerResponse to answer on. */
  function answerOnSocket(socket: Duplex, refusal: Refusal): void {
    const { status, headers, body } = refusalAnswer(refusal, { publicUrl, requestId: nextRequestId() });
    const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, `Date: ${new Date().toUTCString()}`];
    for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
    socket.end(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n${body}`);
  }

  const serveRequest = (request: IncomingMessage, response: ServerResponse) => {
    noteAnswer(request.socket, response);
    const { host } = request.headers;
    // RFC 9112 §3.2. Node's own answer to none has no body, so its check is switched off below; two are joined there.
    if ((host === undefined && request.httpVersion === "1.1") || host?.includes(",") === true) {
      answerError(response, new Refusal("bad_request", "The request needs exactly one Host header."));
    } else listener(request, response);
  };
  const server = createServer(
    {
      maxHeaderSize: HEADERS_BYTES_MAX,
      headersTimeout: HEAD_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      requireHostHeader: false,
      // Of two Authorization headers Node would silently drop the second; joined, they are no credential.
      joinDuplicateHeaders: true,
    },
    serveRequest,
  );
  // An expectation that nobody knows may be ignored (RFC 9110 §10.1.1); Node's own 417 has no body.
  server.on("checkExpectation", serveRequest);
  // Without this, Node closes the connection and says nothing.
  server.on("connect", (_request, socket) => {
    answerOnSocket(socket, new Refusal("bad_request", "This service is no proxy: it doesn't know CONNECT."));
  });
  server.on("clientError", (error: Error & { code?: string }, socket: Socket) => {
    if (error.code === "ECONNRESET" || !socket.writable || !isNextToBeAnswered(socket)) socket.destroy();
    else answerOnSocket(socket, clientErrorRefusal(error.code));
  });
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    serve(next, url) {
      listener = next;
      publicUrl = url;
      for (const answer of waiting.splice(0)) answer();
    },
    drain: (drainMsMax) => drainServer(server, drainMsMax),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error & { code?: string }) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: "the port is in use",
        EACCES: "this user may not use the port",
        EADDRNOTAVAIL: "this machine doesn't have the address",
        ENOTFOUND: "the host name is unknown",
      };
      reject(
        new ListenError(`can't listen on ${host} port ${port}: ${reasons[error.code ?? ""] ?? error.code ?? "failed"}`),
      );
    });
    server.listen(port, host, () => {
      resolve();
    });
  });
}

/** The last two answers of a connection, given or not. Symbols on the socket: a WeakMap costs a collection's time. */
const LATEST = Symbol("latest answer");
const PREVIOUS = Symbol("answer before the latest");

interface Connection extends Duplex {
  [LATEST]?: ServerResponse | undefined;
  [PREVIOUS]?: ServerResponse | undefined;
}

function noteAnswer(connection: Connection, response: ServerResponse): void {
  connection[PREVIOUS] = connection[LATEST];
  connection[LATEST] = response;
}

/**
 * Would the client take an answer that is written now for the answer to the bytes that couldn't be read? Not where an
 * earlier request of the connection is still without its answer, nor where the request whose body broke off has its own.
 */
function isNextToBeAnswered({ [LATEST]: latest, [PREVIOUS]: previous }: Connection): boolean {
  if (latest === undefined) return true;
  if (latest.req.complete) return latest.writableFinished;
  return !latest.headersSent && previous?.writableFinished !== false;
}

/** What llhttp couldn't make a request of, and what took too long. */
function clientErrorRefusal(code: string | undefined): Refusal {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new Refusal("headers_too_large", `The request's headers have over ${HEADERS_BYTES_MAX} bytes.`);
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new Refusal("body_too_large", "The request's chunk extensions are too large.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new Refusal("request_timeout", "The request didn't arrive in time.");
    default:
      return new Refusal("bad_request", "The request isn't valid HTTP.");
  }
}
