/** Clients that call the token check repeatedly, each on a connection of its own. */
import { Agent, get } from "node:http";
import type { TestServer } from "./server.ts";

export interface BusyClients {
  /** Answers that left their connection open, and those that closed it. */
  readonly answered: { open: number; closing: number };
  /** Error codes of requests that got no answer, except refused connections. */
  readonly failures: readonly string[];
  /** Resolves once each client's connection was refused: the server no longer listens. */
  readonly refused: Promise<unknown>;
}

/** Starts clients, which send requests until the server refuses their connections. */
export function startBusyClients(server: Pick<TestServer, "publicUrl">, count: number): BusyClients {
  const answered = { open: 0, closing: 0 };
  const failures: string[] = [];
  /** @returns whether the server still listens */
  const ask = (agent: Agent) =>
    new Promise<boolean>((resolve) => {
      get(`${server.publicUrl}/api/auth/v0/check/`, { agent }, (answer) => {
        answered[answer.headers.connection === "close" ? "closing" : "open"]++;
        answer.resume().once("close", () => {
          if (!answer.complete) failures.push("the answer broke off");
          resolve(true);
        });
      }).once("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "ECONNREFUSED") failures.push(String(error.code));
        resolve(error.code !== "ECONNREFUSED");
      });
    });
  const clients = Array.from({ length: count }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (await ask(agent));
    agent.destroy();
  });
  return { answered, failures, refused: Promise.all(clients) };
}
