import type { Server } from "node:http";

/** How often idle connections are looked for while draining, in milliseconds. */
const SWEEP_MS = 50;

/**
 * Accepts no new connection, waits for the requests under way, and cuts off those that are still there after `drainMsMax`.
 */
export function drainServer(server: Server, drainMsMax: number): Promise<void> {
  return new Promise((resolve) => {
    // A connection that becomes idle after its answer would otherwise stay for the keep-alive time.
    const sweep = setInterval(() => {
      server.closeIdleConnections();
    }, SWEEP_MS);
    const deadline = setTimeout(() => {
      server.closeAllConnections();
    }, drainMsMax);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}
