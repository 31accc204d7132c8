import { randomInt, randomUUID } from "node:crypto";
import { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import pg from "pg";
import { connectionOptions, hangUp } from "./pool.ts";

/** On this channel a commit wakes every node; the payload is empty for a change, and a node's id for its own ping. */
const CHANNEL = "countersign_changes";

/** How often a node sends itself a ping, in milliseconds. */
const PING_MS = 1000;

/** A listener that hasn't received its own ping for longer than this is unreliable, even if its socket seems open. In milliseconds. */
const SILENCE_MS_MAX = 2500;

/** A connection that has been silent for this long is replaced, in milliseconds. */
const GIVEN_UP_MS = 10_000;

/** The first backoff between attempts to connect, in milliseconds. It doubles each time; the wait is random within its upper half. */
const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 5000;

/** Receives a notification when another process has committed. */
export interface Listener {
  /** Would it receive a notification now? If not, the caller has to poll for changes. */
  isReliable(): boolean;
  stop(): Promise<void>;
}

/**
 * Listens on a connection of its own (LISTEN needs a session, so this one mustn't go through a pooler in transaction mode).
 *
 * The listener tests its connection all the time: every second it sends a ping through the pool, as changes do, and must receive it
 * here. A pooler that swallows notifications, a dead network and a paused server all make it unreliable.
 *
 * @param url where to listen
 * @param notify sends a notification through the pool
 */
export function startListener(
  url: string,
  notify: (channel: string, payload: string) => Promise<void>,
  onChange: () => void,
): Listener {
  const nodeId = randomUUID();
  let client: pg.Client | undefined;
  let socket = new Socket();
  let giveUp: () => void = () => undefined;
  let isStopped = false;
  let heardAtMs = Number.NEGATIVE_INFINITY;
  let connectedAtMs = performance.now();
  let failures = 0;
  let retry: NodeJS.Timeout | undefined;

  function connectLater(): void {
    if (isStopped) return;
    const backoff = Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** failures++);
    const tryToConnect = () => {
      try {
        connect();
      } catch {
        // The URL names a certificate file that can't be read now.
        connectLater();
      }
    };
    retry = setTimeout(tryToConnect, randomInt(Math.ceil(backoff / 2), backoff + 1));
    retry.unref();
  }

  function connect(): void {
    const ownSocket = new Socket();
    const connecting = new pg.Client({ ...connectionOptions(url), stream: () => ownSocket });
    socket = ownSocket;
    client = connecting;
    connectedAtMs = performance.now();
    const lost = () => {
      // Close without a terminate message: the connection may be half open, or not established.
      ownSocket.destroy();
      if (client !== connecting) return;
      client = undefined;
      heardAtMs = Number.NEGATIVE_INFINITY;
      connectLater();
    };
    giveUp = lost;
    connecting.on("error", lost);
    connecting.on("end", lost);
    connecting.on("notification", ({ payload = "" }) => {
      if (payload === nodeId) {
        heardAtMs = performance.now();
        failures = 0;
      } else if (payload === "") onChange();
    });
    const listen = async () => {
      await connecting.connect();
      await connecting.query(`listen ${CHANNEL}`);
      if (client !== connecting) return;
      // Look for changes that were committed while this node wasn't listening.
      onChange();
      await notify(CHANNEL, nodeId);
    };
    listen().catch(lost);
  }

  const pinging = setInterval(() => {
    if (client === undefined) return;
    notify(CHANNEL, nodeId).catch(() => undefined);
    const now = performance.now();
    if (now - Math.max(heardAtMs, connectedAtMs) > GIVEN_UP_MS) {
      // The connection is half open, or behind a pooler that drops notifications; a new one may work.
      giveUp();
    }
  }, PING_MS);
  pinging.unref();
  connect();

  return {
    isReliable: () => performance.now() - heardAtMs <= SILENCE_MS_MAX,
    async stop() {
      isStopped = true;
      clearInterval(pinging);
      clearTimeout(retry);
      const ending = client;
      client = undefined;
      heardAtMs = Number.NEGATIVE_INFINITY;
      if (ending !== undefined) await hangUp(ending.end(), [socket]);
    },
  };
}

export { CHANNEL as CHANGES_CHANNEL };
