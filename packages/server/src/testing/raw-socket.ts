import { once } from "node:events";
import { connect } from "node:net";

/**
 * How long an event may take, in milliseconds. Far longer than any event takes: it only keeps a broken test from
 * hanging.
 */
const EVENT_TIMEOUT_MS = 60_000;

/** A client's end of a connection, for bytes that no HTTP client would send. */
export interface RawSocket {
  write(text: string): void;
  /** Ends this side. */
  end(): void;
  /** Reads no more. */
  pause(): void;
  /** Destroys the connection at once. */
  destroy(): void;
  /** What has been received. */
  received(): string;
  /** Resolves once what has been received matches. @throws where the connection ends before */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with everything received once the server has ended or reset the connection. */
  closed(): Promise<string>;
  /** Resolves once the connection is closed on this side: after the server destroyed its socket. */
  broken(): Promise<void>;
}

/** @param localAddress the address to come from; all of 127.0.0.0/8 is this machine's on Linux */
export async function connectRaw(url: string, localAddress?: string): Promise<RawSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port),
    allowHalfOpen: true,
    ...(localAddress !== undefined && { localAddress }),
  });
  let received = "";
  let isEnded = false;
  let wake = () => {};
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    wake();
  });
  for (const event of ["end", "error", "close"]) {
    socket.on(event, () => {
      isEnded = true;
      wake();
    });
  }
  await once(socket, "connect");

  async function waitFor(isThere: () => boolean, what: string): Promise<void> {
    const deadline = setTimeout(() => socket.destroy(new Error("late")), EVENT_TIMEOUT_MS);
    try {
      while (!isThere()) {
        if (isEnded) throw new Error(`the connection ended before ${what}; received ${JSON.stringify(received)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  return {
    write: (text) => void socket.write(text, "latin1"),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    destroy: () => void socket.destroy(),
    received: () => received,
    async until(pattern) {
      await waitFor(() => pattern.test(received), String(pattern));
      return received;
    },
    async closed() {
      await waitFor(() => isEnded, "it was closed");
      return received;
    },
    async broken() {
      // A write to a socket that is gone is answered by a reset; one to a half-closed one isn't.
      while (!socket.destroyed) {
        socket.write(" ");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}
