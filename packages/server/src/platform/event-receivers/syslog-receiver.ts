import { createSocket } from "node:dgram";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { AuditEvent } from "../../core/feed/audit-chain.ts";
import type { EventReceiver } from "../../core/feed/stream-events.ts";

/** The longest that a delivery over TCP or TLS may take without progress, in milliseconds. */
const IDLE_MS_MAX = 30_000;

/** How long the end is held back after everything was written, in milliseconds, to see whether the server hangs up by itself. */
const HOLD_MS = 250;

/** A syslog server. */
export interface SyslogServer {
  readonly transport: "udp" | "tcp" | "tls";
  readonly host: string;
  readonly port: number;
  /** For TLS: PEM texts. Without `ca`, the system's certification authorities are trusted. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

/** A receiver took a connection and everything on it, but didn't close it. Its code makes the stream try again. */
export class NotConfirmed extends Error {
  override readonly name = "NotConfirmed";
  readonly code = "ETIMEDOUT";
}

/**
 * Sends events to a syslog server.
 *
 * Syslog has no acknowledgements. Over TCP and TLS, each delivery has a connection of its own, which ends a moment after everything was
 * written. The events have been received when the server has closed it, too: it closes after it has read to the end. A server that
 * closes before our end, as a proxy without a working server behind it does, has received nothing. UDP (RFC 5426) loses messages
 * without a trace.
 *
 * @param format the message
 * @param holdMs how long a server has to close before our end
 */
export function createSyslogReceiver(
  server: SyslogServer,
  format: (event: AuditEvent) => string,
  holdMs = HOLD_MS,
): EventReceiver {
  return {
    send: (events) =>
      server.transport === "udp"
        ? sendDatagrams(server, events.map(format))
        : sendFrames(server, events.map(format), holdMs),
    close: () => Promise.resolve(),
  };
}

async function sendDatagrams({ host, port }: SyslogServer, messages: readonly string[]): Promise<void> {
  const udp = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    for (const message of messages) {
      await new Promise<void>((resolve, reject) => {
        udp.send(message, port, host, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      });
    }
  } finally {
    udp.close();
  }
}

/** Octet counting (RFC 6587 §3.4.1, RFC 5425 §4.3.1): a message may contain newlines. */
function frame(message: string): string {
  return `${Buffer.byteLength(message)} ${message}`;
}

function sendFrames(server: SyslogServer, messages: readonly string[], holdMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(server);
    let hold: NodeJS.Timeout | undefined;
    let isEnded = false;
    let isClosedByServer = false;
    socket.setTimeout(IDLE_MS_MAX, () => {
      const { host, port } = server;
      const did = socket.writableFinished ? "close the connection" : "take everything";
      socket.destroy(new NotConfirmed(`${host}:${port} didn't ${did} in time`));
    });
    socket.once("error", reject);
    // The server has read to the end if it closes its side after ours was.
    socket.once("end", () => {
      isClosedByServer = isEnded && socket.writableFinished;
    });
    socket.once("close", (hadError) => {
      clearTimeout(hold);
      if (isClosedByServer && !hadError) resolve();
      else reject(new NotConfirmed("the connection was closed before everything was received"));
    });
    // A syslog server sends nothing; what it sends all the same must not fill the buffer.
    socket.resume();
    socket.write(messages.map(frame).join(""), () => {
      hold = setTimeout(() => {
        isEnded = true;
        socket.end();
      }, holdMs);
    });
  });
}

function connect({ transport, host, port, tls }: SyslogServer): Socket {
  if (transport === "tcp") return connectTcp({ host, port });
  return connectTls({ host, port, minVersion: "TLSv1.2", ...tls });
}
