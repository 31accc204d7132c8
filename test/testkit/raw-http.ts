/**
 * HTTP as bytes on a socket: for requests that no HTTP client would send, and for answers whose every byte matters.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";

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
  /** What has arrived and wasn't taken yet. */
  received(): string;
  /** Waits until the server has closed the connection, and returns what {@link answer} didn't take. */
  closed(): Promise<string>;
  end(): void;
}

/** @param localAddress the address to come from; all of 127.0.0.0/8 belongs to this machine on Linux */
export async function connectRaw(url: string, localAddress?: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opened = connect({ host: hostname, port: Number(port), ...(localAddress && { localAddress }) }, () => {
      opened.off("error", reject);
      resolve(opened);
    });
    opened.once("error", reject);
  });
  let received: Buffer = Buffer.alloc(0);
  let isClosed = false;
  let wake = () => {};
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  // A server may close while a request is still being written.
  socket.on("error", () => undefined);
  for (const event of ["end", "close"]) {
    socket.on(event, () => {
      isClosed = true;
      wake();
    });
  }

  async function until(isThere: () => boolean, what: string): Promise<void> {
    const deadline = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS);
    try {
      while (!isThere()) {
        assert.ok(!isClosed, `the connection ended before ${what}; received ${JSON.stringify(String(received))}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  return {
    write(bytes) {
      socket.write(bytes);
    },
    async answer(withoutBody = false) {
      await until(() => received.includes("\r\n\r\n"), "the end of an answer's head");
      const end = received.indexOf("\r\n\r\n") + 4;
      const head = received.toString("latin1", 0, end);
      received = received.subarray(end);
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
        body = received.toString("utf8", 0, length);
        received = received.subarray(length);
      }
      return { status, headers, body, head, values, header };
    },
    received: () => received.toString("latin1"),
    async closed() {
      await until(() => isClosed, "it was closed");
      return received.toString("latin1");
    },
    end() {
      socket.destroy();
    },
  };
}

/** Does something listen there? */
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
  options: { readonly localAddress?: string; readonly withoutBody?: boolean } = {},
): Promise<RawAnswer> {
  const connection = await connectRaw(url, options.localAddress);
  try {
    connection.write(bytes);
    return await connection.answer(options.withoutBody);
  } finally {
    connection.end();
  }
}
