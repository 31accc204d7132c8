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

/**
 * Requests whose method Node's parser doesn't know, such as Vault's LIST or Varnish's BAN. Gateways pass any method on, and
 * the check promises an answer to each.
 *
 * The parser gives up at the method. So its head is read once more, by the same parser, with a method in place of the unknown
 * one that it knows; the request then gets its own method back and is served like any other. Nothing is read after that head:
 * the connection closes after the answer, so that nobody has to know where the request's body ended.
 */
export interface UnknownMethods {
  /**
   * Serves the request that the parser gave up at, if that is for its method: its head came whole and in one piece, and no
   * earlier request of the connection is still without its answer.
   *
   * @returns whether it does; if not, nothing was done
   */
  serve(error: ParserError, socket: Socket): boolean;
}

/** What the event `clientError` has. */
export interface ParserError extends Error {
  readonly code?: string;
  readonly reason?: string;
  /** What the parser was reading. */
  readonly rawPacket?: Buffer;
}

/** Longer words are no method. */
const METHOD_CHARACTERS_MAX = 40;

/** What the parser says of a method that only RTSP has. */
const RTSP_METHOD = "Invalid method for HTTP/x.x request";

/** What stands in for the unknown method. It has no meaning of its own to the parser, nor to the answer. */
const STAND_IN = "PROPFIND";

/** A whole head that begins with a method (RFC 9110 §5.6.2: a token) and has nothing before it but empty lines. */
const HEAD = new RegExp(`^(?:\r\n)*([!#$%&'*+.^_\`|~0-9A-Za-z-]{1,${METHOD_CHARACTERS_MAX}})( [^]*?\r\n\r\n)`);

/**
 * @param options those of the server whose parser gave up
 * @param onMalformed answers where the head has further faults
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
      // In the midst of a request, the bytes are the rest of its head or body.
      if (!isMethodError(error) || connection === undefined || !(connection.isSilent || connection.isIdle))
        return false;
      const [, method, rest] = HEAD.exec(error.rawPacket?.toString("latin1") ?? "") ?? [];
      if (method === undefined || rest === undefined || METHODS.includes(method)) return false;
      const replay = new Replay(method, socket);
      reader.emit("connection", replay);
      replay.push(STAND_IN + rest, "latin1");
      return true;
    },
  };
}

/** Does the parser know no such method, or know it as one of RTSP's? Other errors can't be told from the rest of a head. */
function isMethodError({ code, reason }: ParserError): boolean {
  return code === "HPE_INVALID_METHOD" || (code === "HPE_INVALID_CONSTANT" && reason === RTSP_METHOD);
}

/** A connection on which one head comes, and whose answer goes to the connection on which the head really came. */
class Replay extends Duplex {
  readonly method: string;
  readonly original: Socket;

  constructor(method: string, original: Socket) {
    super();
    this.method = method;
    this.original = original;
    original.once("close", () => this.destroy());
  }

  /** As of a socket. */
  get remoteAddress(): string | undefined {
    return this.original.remoteAddress;
  }

  override _read(): void {
    // What there is was pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.original.write(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.writableFinished) this.original.destroy();
    callback(error);
  }
}
