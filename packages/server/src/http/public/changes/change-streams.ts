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
import type { Pause } from "../delay-rejection.ts";
import type { LimitedAuthentication } from "../authenticate-resource-server.ts";

const ALLOW = "GET, OPTIONS";

/** How many streams may be open at a time. Each costs a connection and little else. */
const STREAMS_MAX = 5000;

/** How many streams one resource server may have, so that it can't lock out the others. */
const STREAMS_PER_SERVER_MAX = 500;

/** How long a reader may take to read the end of its stream, in milliseconds. */
const ENDING_MS_MAX = 5000;

/** How much may be buffered for a slow reader, in bytes. Beyond that it is cut off; it can reconnect and resume. */
const UNREAD_BYTES_MAX = 1_048_576;

/** A reader that missed more events than this gets a reset instead of the events. */
const REPLAY_EVENTS_MAX = 10_000;

const EVENTS_PER_READ = 500;

/** How soon a reader that lost its connection should reconnect, in milliseconds. */
const RECONNECT_MS = 1000;

export interface ChangeStreamsDependencies {
  readonly feed: Pick<FeedFollower, "head" | "confirmedMsAgo" | "eventsAfter" | "subscribe" | "catchUp">;
  readonly authenticateResourceServer: LimitedAuthentication;
  readonly limit: RefusalLimit;
  readonly clock: Clock;
  readonly pause: Pause;
}

/** The change feed as Server-Sent Events, for verifiers. */
export interface ChangeStreams {
  /** `GET /api/auth/v0/changes/` */
  readonly endpoint: PlainEndpoint;
  /** Sends `sync` to every stream that is in sync. Call it every second. */
  tick(): void;
  /** How many streams are open. */
  count(): number;
  /** Ends every stream and accepts no new ones. */
  close(): void;
}

interface Stream {
  readonly response: ServerResponse;
  readonly serverId: ResourceServer["id"];
  /** When the stream ends: it must not outlive the grace period of a rotated secret. */
  readonly endsAtMs: number | undefined;
  /** The last event considered for this stream, whether sent or not. */
  position: FeedPosition;
  /** The id of the last event sent, or of the event after which the reader resumes. */
  sentId: string | null;
  /** Events that arrive while older ones are being sent; `undefined` once the stream has caught up. */
  waiting: FeedEvent[] | undefined;
}

/** @param streamsMax how many streams may be open at a time, for all resource servers together */
export function createChangeStreams(
  { feed, authenticateResourceServer, limit, clock, pause }: ChangeStreamsDependencies,
  surroundings: EndpointSurroundings,
  streamsMax = STREAMS_MAX,
): ChangeStreams {
  const { log } = surroundings;
  const streams = new Set<Stream>();
  let isClosed = false;

  const unsubscribe = feed.subscribe({ onEvents: passOn, onReset: resetAll });

  function passOn(events: readonly FeedEvent[]): void {
    for (const stream of streams) {
      if (stream.waiting === undefined) sendChanges(stream, events);
      else stream.waiting.push(...events);
    }
    // Any change to a resource server ends its streams. It can reconnect only if it still authenticates.
    const touched = new Set(events.map(changedResourceServer));
    touched.delete(undefined);
    if (touched.size === 0) return;
    for (const stream of streams) if (touched.has(`${stream.serverId}`)) end(stream);
  }

  /** Resets every stream, because the positions sent so far are no longer valid. */
  function resetAll(position: FeedPosition): void {
    for (const stream of streams) {
      stream.position = position;
      if (stream.waiting === undefined) send(stream, "reset", {});
      else end(stream);
    }
  }

  /** Ends a stream and removes it first: a slow reader may take a while to read the end, and a write after the end is an error. */
  function end(stream: Stream): void {
    streams.delete(stream);
    stream.response.end();
    // Otherwise a reader that stops reading could keep its connection forever.
    void pause(ENDING_MS_MAX).then(() => stream.response.destroy());
  }

  function send(stream: Stream, name: FeedEventName, data: object): void {
    const { response, position } = stream;
    const id = formatEventId(position);
    const link: FeedLink = { previous: name === "reset" ? null : stream.sentId };
    stream.sentId = id;
    response.write(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify({ ...data, ...link })}\n\n`);
    if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
  }

  function sendChanges(stream: Stream, events: readonly FeedEvent[]): void {
    for (const { seq, hash, event } of events) {
      if (seq <= stream.position.seq) continue;
      stream.position = { seq, hash };
      const change = toFeedChange(event);
      if (change !== undefined) send(stream, "change", change);
    }
  }

  function sync(stream: Stream): void {
    // An unconfirmed feed may lack events, so the stream isn't in sync.
    if (stream.waiting !== undefined || feed.confirmedMsAgo() > FEED_SYNC_MS) return;
    const head = feed.head();
    if (head.seq > stream.position.seq) stream.position = head;
    send(stream, "sync", {});
  }

  /** Sends a new stream the changes that its reader missed, then `sync`. */
  async function begin(stream: Stream, lastEventId: string | undefined): Promise<void> {
    const resumed = lastEventId === undefined ? undefined : await findResumed(lastEventId);
    if (!streams.has(stream)) return;
    stream.position = resumed ?? feed.head();
    if (resumed !== undefined) stream.sentId = formatEventId(resumed);
    if (lastEventId !== undefined && resumed === undefined) send(stream, "reset", {});
    for (;;) {
      const events = await feed.eventsAfter(stream.position.seq, EVENTS_PER_READ);
      if (!streams.has(stream) || stream.response.destroyed) return;
      if (events.length === 0) break;
      sendChanges(stream, events);
    }
    const { waiting = [] } = stream;
    stream.waiting = undefined;
    sendChanges(stream, waiting);
    sync(stream);
  }

  /** The position at which a reader resumes; `undefined` if it isn't in this history or too far back. */
  async function findResumed(lastEventId: string): Promise<FeedPosition | undefined> {
    const [, digits, hash = ""] = /^([0-9]{1,15})(?:-([0-9a-f]{16}))?$/.exec(lastEventId) ?? [];
    if (digits === undefined) return undefined;
    const seq = Number(digits);
    // The reader may have been connected to a node that is ahead of this one.
    if (seq > feed.head().seq) await feed.catchUp();
    if (seq > feed.head().seq || feed.head().seq - seq > REPLAY_EVENTS_MAX) return undefined;
    const [event] = seq === 0 ? [] : await feed.eventsAfter(seq - 1, 1);
    const place = event === undefined ? { seq: 0, hash: CHAIN_START } : { seq: event.seq, hash: event.hash };
    // After a backup is restored, the same numbers denote other events.
    return place.seq === seq && place.hash.startsWith(hash) ? place : undefined;
  }

  /** @param authenticatedAt the feed's position before the resource server was authenticated */
  function open(
    response: ServerResponse,
    request: IncomingMessage,
    server: ResourceServer,
    authenticatedAt: number,
    requestId: string,
  ): void {
    // A destroyed response emits no further "close", so its stream would never be removed.
    if (response.destroyed) return;
    const endsAtMs = server.previousSecret?.endsAtMs;
    const stream: Stream = {
      response,
      serverId: server.id,
      // Once the grace period is over, the reader must have authenticated with the remaining secret.
      endsAtMs: endsAtMs === undefined || endsAtMs <= clock.wallMs() ? undefined : endsAtMs,
      position: { seq: 0, hash: CHAIN_START },
      sentId: null,
      waiting: [],
    };
    streams.add(stream);
    response.once("close", () => streams.delete(stream));
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    // An event since the authentication may have changed the resource server, but couldn't end a stream that didn't exist yet. The
    // reader reconnects and is authenticated again.
    if (isClosed || feed.head().seq !== authenticatedAt) {
      end(stream);
      return;
    }
    begin(stream, request.headers["last-event-id"]?.toString()).catch((error: unknown) => {
      log.warn({ request_id: requestId, route: "changes", err: error }, "a change stream can't begin");
      response.destroy();
    });
  }

  function streamAnswer(
    request: IncomingMessage,
    server: ResourceServer,
    authenticatedAt: number,
    requestId: string,
  ): WrittenAnswer {
    const own = [...streams].filter(({ serverId }) => serverId === server.id).length;
    if (streams.size >= streamsMax || own >= STREAMS_PER_SERVER_MAX) {
      throw new Refusal("rate_limited", "Too many change streams are open.", { retryAfterSeconds: 10 });
    }
    const headers = bodyHeadersWith(
      requestId,
      "Content-Type",
      "text/event-stream; charset=utf-8",
      // Without it, nginx buffers events until its buffer is full.
      "X-Accel-Buffering",
      "no",
    );
    log.debug({ request_id: requestId, route: "changes", resource_server: server.clientId }, "stream opened");
    return {
      status: 200,
      headers,
      body: "",
      stream: (response) => {
        open(response, request, server, authenticatedAt, requestId);
      },
    };
  }

  return {
    endpoint: createEndpoint(
      "changes",
      surroundings,
      async (context) => {
        const { request, requestId } = context;
        if (request.method === "OPTIONS") {
          return { status: 204, headers: headersWith(requestId, "Allow", ALLOW), body: "" };
        }
        if (request.method !== "GET") {
          throw new Refusal("method_not_allowed", "The change feed takes GET.", { allow: ALLOW });
        }
        const credentials = () => parseBasicCredentials(request.headers.authorization);
        const authenticatedAt = feed.head().seq;
        const server = await authenticateResourceServer(credentials, context.clientAddress());
        if (isClosed) throw new Refusal("unavailable", "stopping", { retryAfterSeconds: 1 });
        return streamAnswer(request, server, authenticatedAt, requestId);
      },
      {
        challenge: "Basic",
        onRefused: (context) => limit.count(context.clientAddress()),
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
 * An event's id: its number, and 16 characters of its hash, which covers all earlier events. Readers compare the numbers and
 * return the whole id to resume.
 */
function formatEventId({ seq, hash }: FeedPosition): string {
  return `${seq}-${hash.slice(0, 16)}`;
}

/**
 * The id of the resource server that an event changes. `undefined` for its creation, which this node may learn of after the first
 * stream has begun.
 */
function changedResourceServer({ event }: FeedEvent): string | undefined {
  if (event.action === "unknown") return /^resource_server:(.+)/.exec(event.row.subject)?.[1];
  if (event.action === "resource_server.created" || !("resourceServerId" in event)) return undefined;
  return String(event.resourceServerId);
}
