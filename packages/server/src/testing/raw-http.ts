/**
 * HTTP as bytes on a socket: for requests that no HTTP client would send, and for answers whose every byte matters.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";

/**
 * How long an answer may take, in milliseconds. Far longer than any takes: it only keeps a broken test from hanging.
 */
const ANSWER_TIMEOUT_MS = 120_000;

export interface RawAnswer {
  readonly status: number;
  /** In the order and case in which they arrived. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Everything up to the body, as it arrived. */
  readonly head: string;
  /** All values of a header, whatever the case of its name. */
  values(name: string): readonly string[];
  /** The only value of a header; `undefined` if it is missing. @throws if it is there twice */
  header(name: string): string | undefined;
}

export interface RawConnection {
  write(bytes: string | Buffer): void;
  /**
   * The next answer, in the order of the requests.
   *
   * @param withoutBody for the answer to a HEAD, which has a length but no body
   * @throws if the connection ends first
   */
  answer(withoutBody?: boolean): Promise<RawAnswer>;
  /** What has been received and not yet taken by {@link answer}, a character a byte. */
  received(): string;
  /** Resolves with {@link received} once it matches. @throws if the connection ends first */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with {@link received} once the server has ended or reset the connection. */
  closed(): Promise<string>;
  /** Resolves once the server has destroyed its socket. Needs `allowHalfOpen`. */
  broken(): Promise<void>;
  /** Stops reading. */
  pause(): void;
  /** Ends this side; the server can still answer. */
  endWriting(): void;
  /** Destroys the connection. */
  end(): void;
}

export interface RawOptions {
  /** The address to come from; all of 127.0.0.0/8 belongs to this machine on Linux. */
  readonly localAddress?: string | undefined;
  /** Keeps this side open after the server has ended its own. */
  readonly allowHalfOpen?: boolean;
}

export async function connectRaw(url: string, options: RawOptions = {}): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port), ...options });
  await once(socket, "connect");
  let received = "";
  let isClosed = false;
  let wake = () => {};
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    wake();
  });
  // A server may close while a request is still being written, hence "error".
  for (const event of ["end", "error", "close"]) {
    socket.on(event, () => {
      isClosed = true;
      wake();
    });
  }

  async function until(isThere: () => boolean, what: string): Promise<void> {
    const deadline = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS);
    try {
      while (!isThere()) {
        assert.ok(!isClosed, `the connection ended before ${what}; received ${JSON.stringify(received)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  return {
    write: (bytes) => void socket.write(bytes),
    async answer(withoutBody = false) {
      await until(() => received.includes("\r\n\r\n"), "the end of an answer's head");
      const end = received.indexOf("\r\n\r\n") + 4;
      const head = received.slice(0, end);
      received = received.slice(end);
      const [statusLine = "", ...lines] = head.trimEnd().split("\r\n");
      const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(statusLine)?.[1]);
      assert.ok(status, `not a status line of HTTP/1.1: ${statusLine}`);
      const headers = lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
      });
      const values = (name: string) =>
        headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
      const header = (name: string) => {
        const all = values(name);
        assert.ok(all.length <= 1, `the header ${name} is there ${all.length} times`);
        return all[0];
      };
      let body = "";
      if (!withoutBody && status >= 200 && status !== 204) {
        const length = Number(header("content-length"));
        assert.ok(Number.isInteger(length), `an answer needs a Content-Length here: ${head}`);
        await until(() => received.length >= length, "the end of an answer's body");
        body = Buffer.from(received.slice(0, length), "latin1").toString("utf8");
        received = received.slice(length);
      }
      return { status, headers, body, head, values, header };
    },
    received: () => received,
    async until(pattern) {
      await until(() => pattern.test(received), String(pattern));
      return received;
    },
    async closed() {
      await until(() => isClosed, "it was closed");
      return received;
    },
    async broken() {
      // A write to a socket that is gone is answered by a reset; one to a half-closed one isn't.
      while (!socket.destroyed) {
        socket.write(" ");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    pause: () => void socket.pause(),
    endWriting: () => void socket.end(),
    end: () => void socket.destroy(),
  };
}

/** Whether the URL's port accepts a connection. */
export async function canConnect(url: string): Promise<boolean> {
  const connection = await connectRaw(url).catch(() => undefined);
  connection?.end();
  return connection !== undefined;
}

/** The bytes of a request's head, with a `Host` unless there is one already. */
export function requestHead(
  method: string,
  target: string,
  headers: readonly (readonly [name: string, value: string])[] = [],
): string {
  const hosts = headers.some(([name]) => name.toLowerCase() === "host") ? [] : [["Host", "countersign.test"] as const];
  const lines = [...hosts, ...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Sends some bytes on a connection of their own and returns the first answer. */
export async function sendRaw(
  url: string,
  bytes: string | Buffer,
  { withoutBody, ...options }: RawOptions & { readonly withoutBody?: boolean } = {},
): Promise<RawAnswer> {
  const connection = await connectRaw(url, options);
  try {
    connection.write(bytes);
    return await connection.answer(withoutBody);
  } finally {
    connection.end();
  }
}
