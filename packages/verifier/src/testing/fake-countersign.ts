/**
 * The service as a verifier sees it, on a real socket, and as strange as a test wants: introspection and the change feed do
 * what the test says, and nothing by themselves.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FeedChange, IntrospectionGrant } from "@countersign/protocol";
import type { Clock } from "../clock.ts";

export const CLIENT_ID = "rs-1";
export const CLIENT_SECRET = "csrs_5Qh3vZ2kN8tXwB7yLmR4cJpDfG6sA1eU";

/** A token in the right form; each name gives another one. */
export function exampleToken(name: string): string {
  const digest = (part: string) => createHash("sha256").update(`${part} ${name}`).digest("base64url");
  return `1.${digest("payload").slice(0, 18)}.${digest("mac")}`;
}

/** One request that waits for its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The body, read to its end. */
  readonly body: string;
}

/** One verifier that hears the feed. */
export interface FeedConnection {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly lastEventId: string | undefined;
  /** Begins the stream; the others do so by themselves. */
  open(): void;
  sync(position: number): void;
  change(position: number, change: FeedChange): void;
  reset(position: number): void;
  write(text: string): void;
  /** As a service that shuts down. */
  end(): void;
  /** As a service that is killed. */
  destroy(): void;
}

export interface FakeCountersign {
  readonly url: string;
  /** What introspection says of tokens; of others that they aren't active. */
  readonly grants: Map<string, IntrospectionGrant>;
  /** The position that introspection names. */
  position: number;
  /** The tokens that were asked about, in order. */
  readonly questions: string[];
  /** Answers introspection in place of {@link grants}; it may take its time. */
  answer: ((exchange: Exchange, token: string) => void | Promise<void>) | undefined;
  /** Answers the feed in place of handing connections to {@link nextFeed}. */
  answerFeed: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** How often the feed was asked for. */
  feedRequests: number;
  /** The next connection to the feed that wasn't handed out yet. */
  nextFeed(): Promise<FeedConnection>;
  /** Every credential and path that came, for tests that look where secrets go. */
  readonly requests: IncomingMessage[];
  /** The usual answer to a question; `undefined` for "not active". */
  send(exchange: Pick<Exchange, "response">, grant: unknown, position?: number): void;
  close(): Promise<void>;
}

/** @param clock says what `Date` says */
export async function startFakeCountersign(
  clock: Pick<Clock, "wallMs"> = { wallMs: Date.now },
): Promise<FakeCountersign> {
  const waiting: FeedConnection[] = [];
  let wake: ((connection: FeedConnection) => void) | undefined;

  function feedConnection(request: IncomingMessage, response: ServerResponse): FeedConnection {
    const { "last-event-id": lastEventId } = request.headers;
    const open = () => {
      if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      response.flushHeaders();
    };
    const write = (text: string) => {
      open();
      response.write(text);
    };
    const event = (name: string, position: number, data: object) =>
      write(`event: ${name}\nid: ${position}\ndata: ${JSON.stringify(data)}\n\n`);
    return {
      request,
      response,
      lastEventId: typeof lastEventId === "string" ? lastEventId : undefined,
      open,
      sync: (position) => event("sync", position, {}),
      change: (position, change) => event("change", position, change),
      reset: (position) => event("reset", position, {}),
      write,
      end: () => response.end(),
      destroy: () => response.destroy(),
    };
  }

  const server = createServer((request, response) => {
    fake.requests.push(request);
    if (request.url === "/api/auth/v0/changes/") {
      fake.feedRequests++;
      if (fake.answerFeed !== undefined) {
        fake.answerFeed(request, response);
        return;
      }
      const connection = feedConnection(request, response);
      if (wake === undefined) waiting.push(connection);
      else wake(connection);
      wake = undefined;
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const token = new URLSearchParams(body).get("token") ?? "";
      fake.questions.push(token);
      const exchange = { request, response, body };
      if (fake.answer === undefined) fake.send(exchange, fake.grants.get(token));
      else void fake.answer(exchange, token);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  const fake: FakeCountersign = {
    url: `http://127.0.0.1:${port}`,
    grants: new Map(),
    position: 0,
    questions: [],
    answer: undefined,
    answerFeed: undefined,
    feedRequests: 0,
    requests: [],
    nextFeed() {
      const connection = waiting.shift();
      if (connection !== undefined) return Promise.resolve(connection);
      return new Promise((resolve) => {
        wake = resolve;
      });
    },
    send({ response }, grant, position = fake.position) {
      response.writeHead(200, {
        "content-type": "application/json; charset=utf-8",
        "countersign-feed-position": String(position),
        date: new Date(clock.wallMs()).toUTCString(),
      });
      response.end(JSON.stringify(grant ?? { active: false }));
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return fake;
}

/** What introspection says of a good token of `api-1-demo`, unless the test says otherwise. */
export function exampleGrant(wallMs: number, more: Partial<IntrospectionGrant> = {}): IntrospectionGrant {
  const username = more.username ?? "api-1-demo";
  return {
    active: true,
    token_type: "Bearer",
    client_id: username,
    username,
    sub: username,
    iss: "https://auth.example.test",
    exp: Math.floor(wallMs / 1000) + 3600,
    jti: "3-1481653854-968668528",
    account: "acme",
    access: "full",
    user_id: 1,
    key_id: 3,
    ...more,
  };
}
