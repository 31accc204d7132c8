import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How many requests may wait on one connection for the answer to the one before. Clients that pipeline at all send a few. */
export const PIPELINED_MAX = 64;

/** A connection whose client goes on sending requests that aren't served is cut off after this many. */
const IGNORED_MAX = 128;

/** How many bytes are read and dropped before a connection closes, so that a reset doesn't destroy the answer on its way. */
const LINGER_BYTES_MAX = 16_777_216;

/** What all connections of a listener have in common. */
export interface ConnectionOwner {
  /** Counts up every second. */
  readonly tick: number;
  /** Does every answer say that the connection closes? */
  readonly isDraining: boolean;
  /** Requests that wait until the listener has closed; `undefined` unless they do. */
  readonly held: (() => void)[] | undefined;
  /** Serves a pipelined request, when the others had their turn. */
  readonly serveLater: (serve: () => void) => void;
  readonly serve: (connection: Connection, request: IncomingMessage, response: ServerResponse) => void;
  /** Told once, when the first request of a connection is there. */
  readonly onSpoke: (connection: Connection) => void;
}

const CONNECTION = Symbol("connection");

/** The connection of a socket. A property and not a WeakMap, which would cost garbage collection time. */
export function connectionOf(socket: object): Connection | undefined {
  return (socket as { [CONNECTION]?: Connection })[CONNECTION];
}

/**
 * One client's connection. Its requests are served one at a time and in order (RFC 9112 §9.3.2). It stays open only where
 * nothing that the client may still send could be taken for something else.
 */
export class Connection {
  readonly socket: Socket;
  /** Whose limit it counts towards; `undefined` where no limit holds. */
  readonly client: string | undefined;
  /** Was it let in although all places were taken? Then it gets health answers only, and closes. */
  readonly isBeyondLimit: boolean;
  /** When its latest request came, by the owner's ticks. */
  lastTick: number;
  /** Bytes of answers that the operating system had taken at the last look, and for how many looks that hasn't changed. */
  flushedBytes = 0;
  stalledTicks = 0;
  /** For how many looks it has been waiting for its client to close, too; `undefined` while it is open. */
  lingerTicks: number | undefined = undefined;
  readonly #owner: ConnectionOwner;
  #latest: ServerResponse | undefined = undefined;
  #previous: ServerResponse | undefined = undefined;
  #waiting = 0;
  #ignored = 0;
  /** No further request is served (RFC 9112 §9.6). */
  #isClosing = false;

  constructor(owner: ConnectionOwner, socket: Socket, client: string | undefined, isBeyondLimit: boolean) {
    this.#owner = owner;
    this.socket = socket;
    this.client = client;
    this.isBeyondLimit = isBeyondLimit;
    this.lastTick = owner.tick;
    (socket as { [CONNECTION]?: Connection })[CONNECTION] = this;
  }

  /** No whole head of a request has come yet. */
  get isSilent(): boolean {
    return this.#latest === undefined;
  }

  /** Every request has its answer, and the client may send the next. */
  get isIdle(): boolean {
    return this.#latest?.writableFinished === true && this.#latest.req.complete && this.lingerTicks === undefined;
  }

  /** It is the client's turn: to send the rest of a request, to read an answer, or to close. */
  get isWaitingForClient(): boolean {
    const latest = this.#latest;
    if (latest === undefined || this.lingerTicks !== undefined) return true;
    return (!latest.req.complete && hasBody(latest.req)) || (latest.writableEnded && !latest.writableFinished);
  }

  /** Takes a request whose head is there, and serves it as soon as those before it have their answers. */
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
    if (before === undefined) this.#owner.onSpoke(this);
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
      // By then all that came along with the head has been read: the body, or a further request.
      setImmediate(() => {
        this.#serve(request, response);
      });
    } else this.#owner.serve(this, request, response);
  }

  /** Would the client take an answer that is written now for the answer to the bytes that can't be read? */
  isNextToBeAnswered(): boolean {
    const latest = this.#latest;
    if (this.#isClosing) return false;
    if (latest === undefined) return true;
    if (latest.req.complete) return latest.writableFinished;
    // The request whose body broke off must not have its own answer already.
    return !latest.headersSent && this.#previous?.writableFinished !== false;
  }

  /** Serves nothing further, and closes once the requests that came whole have their answers. */
  closeAfterAnswers(): void {
    if (this.#isClosing) return;
    const last = this.#latest?.req.complete === false ? this.#previous : this.#latest;
    if (last === undefined || last.writableFinished) this.linger();
    else this.closeAfter(last);
  }

  /** An answer that is still to be begun says that the connection closes, if it is the last. For a listener that stops. */
  closeWhenAnswered(): void {
    if (this.#latest !== undefined && !this.#latest.headersSent) this.#decideAtHead(this.#latest.req, this.#latest);
  }

  /** Closes after this answer, which says so if its head isn't written yet. */
  closeAfter(response: ServerResponse): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (!response.headersSent) response.shouldKeepAlive = false;
    // Node would close the socket with bytes unread, and the reset that follows could overtake the answer.
    this.socket.destroySoon = () => {
      this.linger();
    };
    response.once("finish", () => {
      this.linger();
    });
  }

  /**
   * Ends this side, and drops what still comes, until the client has ended its side, or for a second or two (RFC 9112 §9.6).
   */
  linger(): void {
    const { socket } = this;
    if (this.lingerTicks !== undefined) return;
    this.#isClosing = true;
    this.lingerTicks = 0;
    socket.end();
    // Without its reader, the parser sees nothing of what comes.
    socket.removeAllListeners("data");
    let droppedBytes = 0;
    socket.on("data", (bytes: Buffer) => {
      droppedBytes += bytes.length;
      if (droppedBytes > LINGER_BYTES_MAX) socket.destroy();
    });
    socket.resume();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { held } = this.#owner;
    if (held !== undefined) {
      held.push(() => {
        this.#serve(request, response);
      });
    } else if (this.lingerTicks === undefined && !this.socket.destroyed) this.#owner.serve(this, request, response);
  }

  /** Whether the connection stays open is decided when the answer's head is written: by then, more may have come. */
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

/** Without one of these there is no body (RFC 9112 §6.3). */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

/** HTTP/1.0 knows no transfer encoding: a proxy that passed such a request on may have seen another end of it (RFC 9112 §6.1). */
function hasFaultyFraming({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === "1.0" && headers["transfer-encoding"] !== undefined;
}

/** Of what comes in one packet with a request for another protocol, Node drops all that is behind that request. */
function asksForUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined;
}
