/** A receiver of webhooks on this machine, whose signatures the library standardwebhooks checks. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { eventually } from "./eventually.ts";

/** A message that arrived. */
export interface Received {
  readonly id: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly data: any;
}

/** How the receiver answers: with a status, or as the function does. */
export type Answer = number | ((response: ServerResponse, message: Received) => void);

export interface WebhookReceiver {
  readonly url: string;
  readonly port: number;
  /** Every message so far, in the order in which they arrived. */
  readonly messages: readonly Received[];
  /** The next answers, in order; 204 after them. */
  answerWith(...answers: readonly Answer[]): void;
  /** The answer to everything from now on; `undefined` for 204. */
  answerAlways(answer: Answer | undefined): void;
  /** Waits until so many messages have arrived. */
  waitFor(count: number): Promise<readonly Received[]>;
  close(): Promise<void>;
}

/** Starts a receiver at 127.0.0.1. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const messages: Received[] = [];
  const answers: Answer[] = [];
  let always: Answer | undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const { type, data } = JSON.parse(body) as { type: string; data: unknown };
      const id = String(request.headers["webhook-id"]);
      const message = { id, path: request.url ?? "", headers: request.headers, body, type, data };
      messages.push(message);
      const answer = answers.shift() ?? always ?? 204;
      if (typeof answer === "number") response.writeHead(answer).end();
      else answer(response, message);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    messages,
    answerWith: (...next) => void answers.push(...next),
    answerAlways(answer) {
      always = answer;
    },
    async waitFor(count) {
      await eventually(`${count} messages have arrived`, () => messages.length >= count);
      return messages;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * Is the message signed with this secret, at the time that its header says? The library's own check compares that time with the
 * system's clock, so with a driven clock its signature is computed instead.
 *
 * @param nowMs the driven clock's time, to which the header's is compared
 */
export function isSignedWith(secret: string, { id, headers, body }: Received, nowMs?: number): boolean {
  const library = new Webhook(secret);
  const seconds = Number(headers["webhook-timestamp"]);
  if (nowMs === undefined) {
    try {
      library.verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  }
  assert.ok(Math.abs(seconds - nowMs / 1000) <= 300, `the header says ${seconds}, and it is ${nowMs / 1000}`);
  const signatures = String(headers["webhook-signature"]).split(" ");
  return signatures.includes(library.sign(id, new Date(seconds * 1000), body));
}
