import type { IncomingMessage, ServerResponse } from "node:http";
import { FEED_SYNC_MS, type FeedEventName } from "@countersign/protocol";
import { Refusal } from "../../core/refusal.ts";
import type { AuditEvent } from "../../core/registry/audit-chain.ts";
import { toFeedChange } from "../../core/registry/feed-change.ts";
import type { ResourceServer } from "../../core/registry/model.ts";
import type { RegistryStore } from "../../core/registry/store.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { type Clock, nowMs } from "../../core/surroundings.ts";
import { bodyHeadersWith, headersWith, type WrittenAnswer } from "../answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../endpoint.ts";
import type { RefusalLimit } from "../refusal-limit.ts";
import { parseBasicCredentials } from "../../core/authenticate-resource-server.ts";
import type { ResourceServerDoor } from "../resource-server-door.ts";

const ALLOW = "GET, OPTIONS";

/** How many streams there may be at once. Each is a connection and little else. */
const STREAMS_MAX = 5000;

/** What may wait for a slow reader, in bytes. Beyond that it is cut off, and resumes from where it was. */
const UNREAD_BYTES_MAX = 1_048_576;

/** A reader that missed more events than this forgets everything instead of hearing them all. */
const REPLAY_EVENTS_MAX = 10_000;

const EVENTS_PER_READ = 500;

/** How soon a reader that lost its connection should come back, in milliseconds. */
const RECONNECT_MS = 1000;

export interface ChangeStreamsDependencies {
  readonly view: Pick<RegistryView, "position" | "confirmedMsAgo" | "subscribe" | "catchUp">;
  readonly eventsAfter: RegistryStore["eventsAfter"];
  readonly door: ResourceServerDoor;
  readonly limit: RefusalLimit;
  readonly clock: Clock;
}

/** The change feed as Server-Sent Events, for verifiers. */
export interface ChangeStreams {
  /** `GET /api/auth/v0/changes/` */
  readonly endpoint: PlainEndpoint;
  /** Tells every stream that it is in sync, where it is. Called every second. */
  tick(): void;
  /** How many streams are open. */
  count(): number;
  /** Ends every stream and takes no new one. */
  close(): void;
}

interface Stream {
  readonly response: ServerResponse;
  readonly serverId: ResourceServer["id"];
  /** When it ends by itself: a secret that was rotated must not live on in a stream. */
  readonly endsAtMs: number | undefined;
  /** The last event that it was told of. */
  position: number;
  /** Events that came while it was still reading older ones; `undefined` once it has caught up. */
  waiting: AuditEvent[] | undefined;
}

/** @param streamsMax how many streams there may be at once */
export function createChangeStreams(
  { view, eventsAfter, door, limit, clock }: ChangeStreamsDependencies,
  surroundings: EndpointSurroundings,
  streamsMax = STREAMS_MAX,
): ChangeStreams {
  const { log } = surroundings;
  const streams = new Set<Stream>();
  let isClosed = false;

  const unsubscribe = view.subscribe({ onEvents: tellAll, onReset: resetAll });

  function tellAll(events: readonly AuditEvent[]): void {
    for (const stream of streams) {
      if (stream.waiting === undefined) tell(stream, events);
      else stream.waiting.push(...events);
    }
    // Whatever happened to a resource server, its streams come back only if it still gets in.
    const touched = new Set(events.filter(isOfResourceServer).map(({ subject }) => subject));
    if (touched.size === 0) return;
    for (const stream of streams) if (touched.has(`resource_server:${stream.serverId}`)) end(stream);
  }

  /** The positions told so far mean nothing any more. */
  function resetAll(): void {
    for (const stream of streams) {
      stream.position = view.position();
      if (stream.waiting === undefined) send(stream, "reset", {});
      // It is in the middle of what may be another history; it comes back, and is told then.
      else end(stream);
    }
  }

  /** From now on nothing is written to it: with a slow reader its end takes time, and a write behind it is an error. */
  function end(stream: Stream): void {
    streams.delete(stream);
    stream.response.end();
  }

  function send(stream: Stream, name: FeedEventName, data: object): void {
    const { response, position } = stream;
    response.write(`event: ${name}\nid: ${position}\ndata: ${JSON.stringify(data)}\n\n`);
    if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
  }

  function tell(stream: Stream, events: readonly AuditEvent[]): void {
    for (const event of events) {
      if (event.seq <= stream.position) continue;
      stream.position = event.seq;
      const change = toFeedChange(event);
      if (change !== undefined) send(stream, "change", change);
    }
  }

  function sync(stream: Stream): void {
    // A view that isn't confirmed may not have heard of everything, and then nor has the stream.
    if (stream.waiting !== undefined || view.confirmedMsAgo() > FEED_SYNC_MS) return;
    stream.position = Math.max(stream.position, view.position());
    send(stream, "sync", {});
  }

  /** Tells a new stream what it missed, and then that it is in sync. */
  async function begin(stream: Stream, lastEventId: string | undefined): Promise<void> {
    const resumed = /^[0-9]{1,15}$/.test(lastEventId ?? "") ? Number(lastEventId) : undefined;
    // It may have heard from another node more than this one has.
    if (resumed !== undefined && resumed > view.position()) await view.catchUp();
    if (!streams.has(stream)) return;
    const now = view.position();
    const canResume = resumed !== undefined && resumed <= now && now - resumed <= REPLAY_EVENTS_MAX;
    stream.position = canResume ? resumed : now;
    if (lastEventId !== undefined && !canResume) send(stream, "reset", {});
    for (;;) {
      const events = await eventsAfter(stream.position, EVENTS_PER_READ);
      if (!streams.has(stream) || stream.response.destroyed) return;
      if (events.length === 0) break;
      tell(stream, events);
    }
    const { waiting = [] } = stream;
    stream.waiting = undefined;
    tell(stream, waiting);
    sync(stream);
  }

  /** @param heard the view's position when the resource server was let in */
  function open(
    response: ServerResponse,
    request: IncomingMessage,
    server: ResourceServer,
    heard: number,
    requestId: string,
  ): void {
    // A reader that is gone already has no "close" to come, and would be kept for good.
    if (response.destroyed) return;
    const endsAtMs = server.previousSecret?.endsAtMs;
    const stream: Stream = {
      response,
      serverId: server.id,
      // Once the grace is over, only the secret that goes on working lets anybody in.
      endsAtMs: endsAtMs === undefined || endsAtMs <= nowMs(clock) ? undefined : endsAtMs,
      position: 0,
      waiting: [],
    };
    streams.add(stream);
    response.once("close", () => streams.delete(stream));
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    // What happened to the resource server meanwhile didn't end this stream, which wasn't there yet: it comes back, if it may.
    if (isClosed || view.position() !== heard) {
      end(stream);
      return;
    }
    begin(stream, request.headers["last-event-id"]?.toString()).catch((error: unknown) => {
      log.warn({ request_id: requestId, route: "changes", err: error }, "a stream of changes can't begin");
      response.destroy();
    });
  }

  function streamAnswer(
    request: IncomingMessage,
    server: ResourceServer,
    heard: number,
    requestId: string,
  ): WrittenAnswer {
    if (streams.size >= streamsMax) {
      throw new Refusal("rate_limited", "There are too many streams of changes already.", { retryAfterSeconds: 10 });
    }
    const headers = bodyHeadersWith(
      requestId,
      "Content-Type",
      "text/event-stream; charset=utf-8",
      // nginx would otherwise keep events back until its buffer is full.
      "X-Accel-Buffering",
      "no",
    );
    log.debug({ request_id: requestId, route: "changes", resource_server: server.clientId }, "stream opened");
    return {
      status: 200,
      headers,
      body: "",
      stream: (response) => {
        open(response, request, server, heard, requestId);
      },
    };
  }

  return {
    endpoint: createEndpoint(
      "changes",
      surroundings,
      async (visit) => {
        const { request, requestId } = visit;
        if (request.method === "OPTIONS") {
          return { status: 204, headers: headersWith(requestId, "Allow", ALLOW), body: "" };
        }
        if (request.method !== "GET") {
          throw new Refusal("method_not_allowed", "The change feed is a GET.", { allow: ALLOW });
        }
        const credentials = () => parseBasicCredentials(request.headers.authorization);
        const heard = view.position();
        const server = await door.enter(credentials, visit.clientAddress());
        if (isClosed) throw new Refusal("unavailable", "stopping", { retryAfterSeconds: 1 });
        return streamAnswer(request, server, heard, requestId);
      },
      {
        challenge: "Basic",
        onRefused: (visit) => {
          limit.count(visit.clientAddress());
        },
      },
    ),
    tick() {
      const now = nowMs(clock);
      for (const stream of streams) {
        if (stream.endsAtMs !== undefined && now >= stream.endsAtMs) end(stream);
        else sync(stream);
      }
    },
    count: () => streams.size,
    close() {
      isClosed = true;
      unsubscribe();
      for (const stream of streams) end(stream);
    },
  };
}

function isOfResourceServer({ subject }: AuditEvent): boolean {
  return subject.startsWith("resource_server:");
}
