import type { Writable } from "node:stream";
import type { AuditEvent } from "../../core/feed/audit-chain.ts";
import type { EventReceiver } from "../../core/feed/stream-events.ts";

/** Writes events to a stream, one line each. They have been received when the operating system has them. */
export function createOutputReceiver(output: Writable, format: (event: AuditEvent) => string): EventReceiver {
  return {
    send: (events) =>
      new Promise((resolve, reject) => {
        output.write(events.map((event) => `${format(event)}\n`).join(""), (error) => {
          if (error instanceof Error) reject(error);
          else resolve();
        });
      }),
    close: () => Promise.resolve(),
  };
}
