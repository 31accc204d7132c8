import type { IncomingMessage, ServerResponse } from "node:http";
import { FEED_SYNC_MS, type FeedEventName, type FeedLink } from "@countersign/protocol";
import { Refusal } from "../../../core/refusal.ts";
import { CHAIN_START } from "../../../core/feed/audit-chain.ts";
import { toFeedChange } from "../../../core/feed/feed-change.ts";
import type { FeedEvent, FeedFollower } from "../../../core/feed/follow-feed.ts";
import type { ResourceServer } from "../../../core/resource-servers/model.ts";
import type { FeedPosition } from "../../../core/feed/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { bodyHeadersWith, headersWith, type WrittenAnswer } from "../../server/answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../../server/endpoint.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { parseBasicCredentials } from "../../../core/resource-servers/authenticate.ts";
import type { Pause } from "../hold-rejection.ts";
import type { ResourceServerDoor } from "../resource-server-door.ts";

const ALLOW = "GET, OPTIONS";

/** How many streams there may be at once. Each is a connection and little else. */
const STREAMS_MAX = 5000;

/** How many of them one resource server may have, so that it can't keep the others out. */
const STREAMS_PER_SERVER_MAX = 500;

/** How long a stream's end may take to be read, in milliseconds. */
const ENDING_MS_MAX = 5000;

/** What may wait for a slow reader, in bytes. Beyond that it is cut off, and resumes from where it was. */
const UNREAD_BYTES_MAX = 1_048_576;

/** A reader that missed more events than this forgets everything instead of hearing them all. */
const REPLAY_EVENTS_MAX = 10_000;

const EVENTS_PER_READ = 500;

/** How soon a reader that lost its connection should come back, in milliseconds. */
const RECONNECT_MS = 1000;

export interface ChangeStreamsDependencies {
  readonly feed: Pick<FeedFollower, "head" | "confirmedMsAgo" | "eventsAfter" | "subscribe" | "catchUp">;
  readonly door: ResourceServerDoor;
  readonly limit: RefusalLimit;
  readonly clock: Clock;
  readonly pause: Pause;
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
  /** The last event that it heard of, or that there was. */
  heard: FeedPosition;
  /** The id of the event that was sent last, or that the reader resumes after. */
  sentId: string | null;
  /** Events that came while it was still reading older ones; `undefined` once it has caught up. */
  waiting: FeedEvent[] | undefined;
}

/** @param streamsMax how many streams there may be at once, of all resource servers */
export function createChangeStreams(
  { feed, door, limit, clock, pause }: ChangeStreamsDependencies,
  surroundings: EndpointSurroundings,
  streamsMax = STREAMS_MAX,
): ChangeStreams {
  const { log } = surroundings;
  const streams = new Set<Stream>();
  let isClosed = false;

  const unsubscribe = feed.subscribe({ onEvents: tellAll, onReset: resetAll });

  function tellAll(events: readonly FeedEvent[]): void {
    for (const stream of streams) {
      if (stream.waiting === undefined) tell(stream, events);
      else stream.waiting.push(...events);
    }
    // Whatever happened to a resource server, its streams come back only if it still gets in.
    const touched = new Set(events.map(changedResourceServer));
    touched.delete(undefined);
    if (touched.size === 0) return;
    for (const stream of streams) if (touched.has(`${stream.serverId}`)) end(stream);
  }

  /** The positions told so far mean nothing any more. */
  function resetAll(position: FeedPosition): void {
    for (const stream of streams) {
      stream.heard = position;
      if (stream.waiting === undefined) send(stream, "reset", {});
      else end(stream);
    }
  }

  /** From now on nothing is written to it: with a slow reader its end takes time, and a write behind it is an error. */
  function end(stream: Stream): void {
    streams.delete(stream);
    stream.response.end();
    // A reader that reads no more would keep its connection for as long as it likes.
    void pause(ENDING_MS_MAX).then(() => stream.response.destroy());
  }

  function send(stream: Stream, name: FeedEventName, data: object): void {
    const { response, heard } = stream;
    const id = formatEventId(heard);
    const link: FeedLink = { previous: name === "reset" ? null : stream.sentId };
    stream.sentId = id;
    response.write(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify({ ...data, ...link })}\n\n`);
    if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
  }

  function tell(stream: Stream, events: readonly FeedEvent[]): void {
    for (const { seq, hash, event } of events) {
      if (seq <= stream.heard.seq) continue;
      stream.heard = { seq, hash };
      const change = toFeedChange(event);
      if (change !== undefined) send(stream, "change", change);
    }
  }

  function sync(stream: Stream): void {
    // A feed that isn't confirmed may lack events, and then so does the stream.
    if (stream.waiting !== undefined || feed.confirmedMsAgo() > FEED_SYNC_MS) return;
    const head = feed.head();
    if (head.seq > stream.heard.seq) stream.heard = head;
    send(stream, "sync", {});
  }

  /** Tells a new stream what it missed, and then that it is in sync. */
  async function begin(stream: Stream, lastEventId: string | undefined): Promise<void> {
    const resumed = lastEventId === undefined ? undefined : await findResumed(lastEventId);
    if (!streams.has(stream)) return;
    stream.heard = resumed ?? feed.head();
    if (resumed !== undefined) stream.sentId = formatEventId(resumed);
    if (lastEventId !== undefined && resumed === undefined) send(stream, "reset", {});
    for (;;) {
      const events = await feed.eventsAfter(stream.heard.seq, EVENTS_PER_READ);
      if (!streams.has(stream) || stream.response.destroyed) return;
      if (events.length === 0) break;
      tell(stream, events);
    }
    const { waiting = [] } = stream;
    stream.waiting = undefined;
    tell(stream, waiting);
    sync(stream);
  }

  /** The place that a reader comes back to; `undefined` where this history doesn't have it, or it is too far back. */
  async function findResumed(lastEventId: string): Promise<FeedPosition | undefined> {
    const [, digits, hash = ""] = /^([0-9]{1,15})(?:-([0-9a-f]{16}))?$/.exec(lastEventId) ?? [];
    if (digits === undefined) return undefined;
    const seq = Number(digits);
    // It may have heard from another node more than this one has.
    if (seq > feed.head().seq) await feed.catchUp();
    if (seq > feed.head().seq || feed.head().seq - seq > REPLAY_EVENTS_MAX) return undefined;
    const [event] = seq === 0 ? [] : await feed.eventsAfter(seq - 1, 1);
    const place = event === undefined ? { seq: 0, hash: CHAIN_START } : { seq: event.seq, hash: event.hash };
    // A restored backup counts up to the same numbers, with other events behind them.
    return place.seq === seq && place.hash.startsWith(hash) ? place : undefined;
  }

  /** @param heard the feed's position when the resource server was let in */
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
      endsAtMs: endsAtMs === undefined || endsAtMs <= clock.wallMs() ? undefined : endsAtMs,
      heard: { seq: 0, hash: CHAIN_START },
      sentId: null,
      waiting: [],
    };
    streams.add(stream);
    response.once("close", () => streams.delete(stream));
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    // What happened to the resource server meanwhile didn't end this stream, which wasn't there yet: it comes back, if it may.
    if (isClosed || feed.head().seq !== heard) {
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
    const own = [...streams].filter(({ serverId }) => serverId === server.id).length;
    if (streams.size >= streamsMax || own >= STREAMS_PER_SERVER_MAX) {
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
        const heard = feed.head().seq;
        const server = await door.enter(credentials, visit.clientAddress());
        if (isClosed) throw new Refusal("unavailable", "stopping", { retryAfterSeconds: 1 });
        return streamAnswer(request, server, heard, requestId);
      },
      {
        challenge: "Basic",
        onRefused: (visit) => limit.count(visit.clientAddress()),
      },
    ),
    tick() {
      const now = clock.wallMs();
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

/**
 * An event's id: its number, and 16 characters of its hash, which stand for all that came before it. Readers order them by the
 * number and send them back whole.
 */
function formatEventId({ seq, hash }: FeedPosition): string {
  return `${seq}-${hash.slice(0, 16)}`;
}

/**
 * The id of the resource server that an event changes. Not one that it creates: this node may hear of that when the first stream
 * is there already.
 */
function changedResourceServer({ event }: FeedEvent): string | undefined {
  if (event.action === "unknown") return /^resource_server:(.+)/.exec(event.row.subject)?.[1];
  if (event.action === "resource_server.created" || !("resourceServerId" in event)) return undefined;
  return String(event.resourceServerId);
}
