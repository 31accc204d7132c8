import {
  createServer,
  type IncomingMessage,
  METHODS,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { connectionOf } from "./connection.ts";
import { isVerifiedClient } from "./trusted-proxies.ts";

/**
 * Serves requests whose method Node's parser doesn't know, such as Vault's LIST or Varnish's BAN. Gateways forward any method, and
 * the check promises an answer to each.
 *
 * The parser fails at the method. The head is therefore parsed again with a known method in place of the unknown one. The request
 * then gets its original method back and is served like any other. Nothing after the head is read, and the connection closes after
 * the answer, so that it doesn't matter where the request's body ends.
 */
export interface UnknownMethods {
  /**
   * Serves the request at which the parser failed, if it failed because of the method, the head arrived in one piece, and every
   * earlier request of the connection is answered.
   *
   * @returns whether it does; if not, nothing has changed
   */
  serve(error: ParserError, socket: Socket): boolean;
}

/** The error of the event `clientError`. */
export interface ParserError extends Error {
  readonly code?: string;
  readonly reason?: string;
  /** The bytes that the parser was reading. */
  readonly rawPacket?: Buffer;
}

/** No method is longer. */
const METHOD_CHARACTERS_MAX = 40;

/** The parser's reason for a method that only RTSP has. */
const RTSP_METHOD = "Invalid method for HTTP/x.x request";

/** Replaces the unknown method. Neither the parser nor the answer treats it specially. */
const PLACEHOLDER = "PROPFIND";

/** A whole head that begins with a method (RFC 9110 §5.6.2: a token) and has nothing before it but empty lines. */
const HEAD = new RegExp(`^(?:\r\n)*([!#$%&'*+.^_\`|~0-9A-Za-z-]{1,${METHOD_CHARACTERS_MAX}})( [^]*?\r\n\r\n)`);

/**
 * @param options those of the server whose parser failed
 * @param onMalformed called if the head has other faults
 */
export function createUnknownMethods(
  options: ServerOptions,
  onMalformed: (error: ParserError, socket: Socket) => void,
): UnknownMethods {
  const receive = (request: IncomingMessage, response: ServerResponse) => {
    const { method, original } = request.socket as unknown as Replay;
    const connection = connectionOf(original);
    request.method = method;
    response.shouldKeepAlive = false;
    connection?.receive(request, response);
    connection?.closeAfter(response);
  };
  /** Only its parser is used: it never listens. */
  const reader: Server = createServer(options, receive);
  reader.on("checkExpectation", receive);
  reader.on("clientError", (error, replay) => {
    onMalformed(error, (replay as unknown as Replay).original);
  });

  return {
    serve(error, socket) {
      const connection = connectionOf(socket);
      // In the middle of a request, the bytes are the rest of its head or body.
      if (!isMethodError(error) || connection === undefined || !(connection.isSilent || connection.isIdle))
        return false;
      const [, method, rest] = HEAD.exec(error.rawPacket?.toString("latin1") ?? "") ?? [];
      if (method === undefined || rest === undefined || METHODS.includes(method)) return false;
      const replay = new Replay(method, socket);
      reader.emit("connection", replay);
      replay.push(PLACEHOLDER + rest, "latin1");
      return true;
    },
  };
}

/** Did the parser fail because the method is unknown or RTSP's? Other errors may be about the rest of the head. */
function isMethodError({ code, reason }: ParserError): boolean {
  return code === "HPE_INVALID_METHOD" || (code === "HPE_INVALID_CONSTANT" && reason === RTSP_METHOD);
}

/** A simulated connection that delivers one head, and writes the answer to the original connection. */
class Replay extends Duplex {
  readonly method: string;
  readonly original: Socket;

  constructor(method: string, original: Socket) {
    super();
    this.method = method;
    this.original = original;
    original.once("close", () => this.destroy());
  }

  /** The property of a socket. */
  get remoteAddress(): string | undefined {
    return this.original.remoteAddress;
  }

  /** The property of a TLS socket. */
  get authorized(): boolean {
    return isVerifiedClient(this.original);
  }

  override _read(): void {
    // Everything is pushed by `serve`.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.original.write(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.writableFinished) this.original.destroy();
    callback(error);
  }
}
