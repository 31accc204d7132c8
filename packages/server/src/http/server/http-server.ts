import { createServer, STATUS_CODES, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Refusal } from "../../core/refusal.ts";
import { LIVENESS_PATH, READINESS_PATH } from "@countersign/protocol";
import { jsonHeaders, publicRefusal, refusalAnswer, sendAnswer } from "./answers.ts";
import { listenerUrl, socketPathOf, UNIX_PEER } from "../../platform/listener-url.ts";
import type { TlsCertificates } from "../../platform/tls-certificates.ts";
import { connectionOf } from "./connection.ts";
import {
  type ConnectionFigures,
  type ConnectionLimits,
  type ListenerFigures,
  createConnections,
  TICK_MS,
  type StopBarrier,
} from "./connections.ts";
import type { PlainEndpoint } from "./endpoint.ts";
import { listenAt, listenAtPath, stopListening } from "./listen.ts";
import { createUnknownMethods, type ParserError } from "./unknown-method.ts";

/** How long a request's head may take to arrive, in milliseconds. A slow client must not occupy a connection. */
const HEAD_TIMEOUT_MS = 10_000;

/** How often the two time limits are checked, in milliseconds. Node's default of 30 s would make them ineffective. */
const TIMEOUT_CHECK_MS = 1000;

/** How long a whole request may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/** The maximum size of all headers of a request, in bytes. */
const HEADERS_BYTES_MAX = 16_384;

/** A listening HTTP server. Requests go to the endpoint last given to {@link HttpServer.serve}. */
export interface HttpServer {
  /** The URL for clients on this machine, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /**
   * Sets the endpoint. Until this is called, every request except for `/livez` waits, or gets a 503 if there is a reason.
   *
   * @param publicUrl the base of `docs` links in refusals that the server itself sends
   */
  serve(listener: PlainEndpoint, publicUrl: string): void;
  /** Figures for the metrics. */
  connections(): ListenerFigures;
  /** From now on, connections close after their answers. New connections are still accepted. */
  announceClose(): void;
  /**
   * Stops accepting connections, waits for pending requests, and cuts them off after `drainMsMax`.
   *
   * @param barrier for a port that several processes share
   */
  drain(drainMsMax: number, barrier?: StopBarrier): Promise<void>;
}

/** A listener's settings for connections. */
export interface ConnectionOptions {
  /** Makes the listener speak TLS. */
  readonly tls?: TlsCertificates | undefined;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  readonly limits: ConnectionLimits;
  /** Called at most once a minute if a limit was reached. */
  readonly onLimit: (figures: ConnectionFigures) => void;
  /** How often connections are inspected; {@link TICK_MS} by default. */
  readonly tickMs?: number;
}

const NO_LIMITS: ConnectionOptions = {
  keepAliveMs: 75_000,
  limits: { max: 100_000, reserved: 0, perAddressMax: 100_000, clientOf: () => undefined },
  onLimit: () => undefined,
};

/**
 * Opens a listener.
 *
 * @param host an address, a name, or a Unix socket, whose path must be free
 * @param starting why {@link HttpServer.serve} isn't called yet, for `/readyz`. Without a reason, requests wait for the call: if
 *   several processes share the port, a starting one must not refuse what the others would answer
 * @param options by default, connections have no limits
 * @throws {ListenError} if the address is in use, unknown or not allowed
 */
export async function openHttpServer(
  host: string,
  port: number,
  nextRequestId: () => string,
  starting: { readonly reason: string | undefined },
  options: ConnectionOptions = NO_LIMITS,
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

  /**
   * Refuses bytes that aren't a request, for which there is no ServerResponse. If the client still waits for an earlier answer,
   * it gets only that, and the connection closes.
   */
  function refuseConnection(socket: Socket, refusal: Refusal): void {
    const connection = connectionOf(socket);
    if (connection?.isNextToBeAnswered() !== true) {
      connection?.closeAfterAnswers();
      return;
    }
    const { status, headers, body } = refusalAnswer(refusal, { publicUrl, requestId: nextRequestId() });
    const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, `Date: ${new Date().toUTCString()}`];
    for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
    socket.write(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n${body}`);
    connection.linger();
  }

  const connections = createConnections(
    options.limits,
    ({ isBeyondLimit }, request, response) => {
      const { host } = request.headers;
      // RFC 9112 §3.2. Node would answer a missing Host without a body, so its check is off (below). Two are joined by a comma.
      if ((host === undefined && request.httpVersion === "1.1") || host?.includes(",") === true) {
        answerError(response, new Refusal("bad_request", "The request needs exactly one Host header."));
      } else if (isBeyondLimit && !isHealthRequest(request)) {
        answerError(response, new Refusal("unavailable", "too many connections", { retryAfterSeconds: 1 }));
      } else listener(request, response);
    },
    options.onLimit,
    options.tickMs ?? TICK_MS,
    options.tls !== undefined,
  );
  const serverOptions: ServerOptions = {
    maxHeaderSize: HEADERS_BYTES_MAX,
    headersTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: options.keepAliveMs,
    requireHostHeader: false,
    // Node would silently drop the second of two Authorization headers. Joined, they aren't a valid credential.
    joinDuplicateHeaders: true,
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createServer(serverOptions)
      : (await import("./tls-server.ts")).createTlsServer(serverOptions, tls, connections);
  const receive: PlainEndpoint = (request, response) => connectionOf(request.socket)?.receive(request, response);
  const socketPath = socketPathOf(host);
  server.on("connection", (socket: Socket) => {
    // A Unix socket's peer has no address. This tells it from a connection that has closed.
    if (socketPath !== undefined) Object.defineProperty(socket, "remoteAddress", { value: UNIX_PEER });
    connections.admit(socket);
  });
  server.on("request", receive);
  // An unknown expectation may be ignored (RFC 9110 §10.1.1); Node's own 417 has no body.
  server.on("checkExpectation", receive);
  // Without this, Node closes the connection without an answer.
  server.on("connect", (request) => {
    refuseConnection(
      request.socket,
      new Refusal("bad_request", "This service isn't a proxy: it doesn't support CONNECT."),
    );
  });
  const unknownMethods = createUnknownMethods(serverOptions, (error, socket) => {
    refuseConnection(socket, clientErrorRefusal(error.code));
  });
  server.on("clientError", (error: ParserError, socket: Socket) => {
    if (unknownMethods.serve(error, socket)) return;
    const isBroken = error.code?.startsWith("HPE_") !== true && error.code !== "ERR_HTTP_REQUEST_TIMEOUT";
    if (isBroken) socket.destroy();
    else refuseConnection(socket, clientErrorRefusal(error.code));
  });
  const listeners =
    socketPath === undefined ? await listenAt(server, host, port) : await listenAtPath(server, socketPath);
  const address = server.address();
  return {
    url: listenerUrl(host, typeof address === "object" && address !== null ? address.port : port, tls && "https"),
    serve(next, url) {
      listener = next;
      publicUrl = url;
      for (const answer of waiting.splice(0)) answer();
    },
    connections: () => ({ ...connections.figures(), ...(tls && { certificate: tls.figures() }) }),
    announceClose() {
      connections.announceClose();
    },
    async drain(drainMsMax, barrier) {
      await connections.drain(
        drainMsMax,
        () => {
          for (const opened of listeners) void stopListening(opened);
        },
        () => {
          server.closeIdleConnections();
        },
        barrier,
      );
      await tls?.stop();
      // Ends the timers of node:http.
      server.close();
    },
  };
}

function isHealthRequest({ url }: IncomingMessage): boolean {
  const path = url?.split("?")[0];
  return path === LIVENESS_PATH || path === READINESS_PATH;
}

/** The refusal of bytes that llhttp couldn't parse, or of a request that took too long to arrive. */
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
