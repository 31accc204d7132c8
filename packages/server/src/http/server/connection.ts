import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How many pipelined requests may wait on one connection. Clients that pipeline at all send only a few. */
export const PIPELINED_MAX = 64;

/** After this many requests on a closing connection, which aren't served, the connection is destroyed. */
const IGNORED_MAX = 128;

/** How many bytes are read and dropped while a connection closes: unread bytes cause a reset, which could destroy the answer in transit. */
const LINGER_BYTES_MAX = 16_777_216;

/** The state and callbacks that all connections of a listener share. */
export interface ConnectionOwner {
  /** Counts up every second. */
  readonly tick: number;
  /** Does the listener close connections after their answers? */
  readonly isDraining: boolean;
  /** Requests deferred until the listener has closed; `undefined` if requests are served immediately. */
  readonly deferred: (() => void)[] | undefined;
  /** Serves a pipelined request in turn with those of other connections. */
  readonly serveLater: (serve: () => void) => void;
  readonly serve: (connection: Connection, request: IncomingMessage, response: ServerResponse) => void;
  /** Called once, when a connection receives its first request. */
  readonly onFirstRequest: (connection: Connection) => void;
}

const CONNECTION = Symbol("connection");

/** The connection of a socket. It is kept in a property because a WeakMap would cost garbage collection time. */
export function connectionOf(socket: object): Connection | undefined {
  return (socket as { [CONNECTION]?: Connection })[CONNECTION];
}

/**
 * One client's connection. Its requests are served one at a time and in order (RFC 9112 §9.3.2). It stays open only if the end of
 * each request is certain, so that no bytes can be mistaken for another request.
 */
export class Connection {
  socket: Socket;
  /** The client whose limit it counts towards; `undefined` if no limit applies. */
  client: string | undefined;
  /** Is its TLS handshake under way? */
  isHandshaking: boolean;
  /** Was it accepted beyond the limit? If so, it gets only health answers and closes. */
  readonly isBeyondLimit: boolean;
  /** The owner's tick at its latest request. */
  lastTick: number;
  /** Bytes of answers that the operating system had taken at the last tick, and the number of ticks since that changed. */
  flushedBytes = 0;
  stalledTicks = 0;
  /** How many ticks it has waited for its client to close; `undefined` while it is open. */
  lingerTicks: number | undefined = undefined;
  readonly #owner: ConnectionOwner;
  #latest: ServerResponse | undefined = undefined;
  #previous: ServerResponse | undefined = undefined;
  #waiting = 0;
  #ignored = 0;
  /** No further request is served (RFC 9112 §9.6). */
  #isClosing = false;

  constructor(
    owner: ConnectionOwner,
    socket: Socket,
    client: string | undefined,
    isBeyondLimit: boolean,
    isHandshaking: boolean,
  ) {
    this.#owner = owner;
    this.isHandshaking = isHandshaking;
    this.socket = socket;
    this.client = client;
    this.isBeyondLimit = isBeyondLimit;
    this.lastTick = owner.tick;
    (socket as { [CONNECTION]?: Connection })[CONNECTION] = this;
  }

  /** Ends the TLS handshake: from now on the connection is read and written through `secure`. */
  finishHandshake(secure: Socket): void {
    this.socket = secure;
    this.isHandshaking = false;
    (secure as { [CONNECTION]?: Connection })[CONNECTION] = this;
  }

  /** Has no complete head of a request arrived yet? */
  get isSilent(): boolean {
    return this.#latest === undefined;
  }

  /** Has every request been answered, so that the client may send the next? */
  get isIdle(): boolean {
    return this.#latest?.writableFinished === true && this.#latest.req.complete && this.lingerTicks === undefined;
  }

  /** Does it wait for the client to send the rest of a request, to read an answer, or to close? */
  get isWaitingForClient(): boolean {
    const latest = this.#latest;
    if (latest === undefined || this.lingerTicks !== undefined) return true;
    return (!latest.req.complete && hasBody(latest.req)) || (latest.writableEnded && !latest.writableFinished);
  }

  /** Takes a request whose head has arrived, and serves it once the requests before it are answered. */
  receive(request: IncomingMessage, response: ServerResponse): void {
    if (this.#isClosing) {
      if (++this.#ignored > IGNORED_MAX) this.socket.destroy();
      return;
    }
    const before = this.#latest;
    const isFree = before === undefined || before.writableFinished;
    if (!isFree && this.#waiting >= PIPELINED_MAX) {
      this.closeAfter(before);
      return;
    }
    if (before === undefined) this.#owner.onFirstRequest(this);
    this.#previous = before;
    this.#latest = response;
    this.lastTick = this.#owner.tick;
    const mayClose = hasBody(request) || asksForUpgrade(request) || this.isBeyondLimit || this.#owner.isDraining;
    if (mayClose) this.#decideAtHead(request, response);
    if (!isFree) {
      this.#waiting++;
      before.once("finish", () => {
        this.#waiting--;
        this.#owner.serveLater(() => {
          this.#serve(request, response);
        });
      });
    } else if (mayClose) {
      // By the next turn, everything that arrived with the head has been read: the body, or another request.
      setImmediate(() => {
        this.#serve(request, response);
      });
    } else this.#owner.serve(this, request, response);
  }

  /** Would the client match an answer written now to the bytes that couldn't be parsed? */
  isNextToBeAnswered(): boolean {
    const latest = this.#latest;
    if (this.#isClosing) return false;
    if (latest === undefined) return true;
    if (latest.req.complete) return latest.writableFinished;
    // The request whose body is invalid must not have an answer yet.
    return !latest.headersSent && this.#previous?.writableFinished !== false;
  }

  /** Serves no further request, and closes once all complete requests are answered. */
  closeAfterAnswers(): void {
    if (this.#isClosing) return;
    const last = this.#latest?.req.complete === false ? this.#previous : this.#latest;
    if (last === undefined || last.writableFinished) this.linger();
    else this.closeAfter(last);
  }

  /** Closes after the latest request's answer, if that hasn't begun. For a listener that stops. */
  closeWhenAnswered(): void {
    if (this.#latest !== undefined && !this.#latest.headersSent) this.#decideAtHead(this.#latest.req, this.#latest);
  }

  /** Closes after this answer, which says `Connection: close` if its head isn't written yet. */
  closeAfter(response: ServerResponse): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (!response.headersSent) response.shouldKeepAlive = false;
    // Node would close the socket with unread bytes, and the resulting reset could overtake the answer.
    this.socket.destroySoon = () => {
      this.linger();
    };
    response.once("finish", () => {
      this.linger();
    });
  }

  /**
   * Ends this side, then drops incoming bytes until the client ends its side, for at most a second or two (RFC 9112 §9.6).
   */
  linger(): void {
    const { socket } = this;
    if (this.lingerTicks !== undefined) return;
    this.#isClosing = true;
    this.lingerTicks = 0;
    socket.end();
    // Detaches the parser, which reads through this listener.
    socket.removeAllListeners("data");
    let droppedBytes = 0;
    socket.on("data", (bytes: Buffer) => {
      droppedBytes += bytes.length;
      if (droppedBytes > LINGER_BYTES_MAX) socket.destroy();
    });
    socket.resume();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { deferred } = this.#owner;
    if (deferred !== undefined) {
      deferred.push(() => {
        this.#serve(request, response);
      });
    } else if (this.lingerTicks === undefined && !this.socket.destroyed) this.#owner.serve(this, request, response);
  }

  /** Decides whether the connection stays open when the answer's head is written, because more may have arrived by then. */
  #decideAtHead(request: IncomingMessage, response: ServerResponse): void {
    const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
    response.writeHead = (...head: unknown[]) => {
      const isLast = (this.#owner.isDraining || this.isBeyondLimit) && this.#latest === response;
      const isUnclear = hasFaultyFraming(request) || asksForUpgrade(request) || (!request.complete && hasBody(request));
      if (isLast || isUnclear) this.closeAfter(response);
      return writeHead(...head);
    };
  }
}

/** A request has a body only with one of these headers (RFC 9112 §6.3). */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

/** HTTP/1.0 has no transfer encoding, so a proxy in between may have seen another end of the request (RFC 9112 §6.1). */
function hasFaultyFraming({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === "1.0" && headers["transfer-encoding"] !== undefined;
}

/** Node drops all bytes that follow an upgrade request in the same packet. */
function asksForUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined;
}
