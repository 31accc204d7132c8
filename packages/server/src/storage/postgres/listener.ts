import { randomInt, randomUUID } from "node:crypto";
import { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import pg from "pg";
import { connectionOptions, hangUp } from "./pool.ts";

/** On this channel a commit wakes every node; the payload is empty for a change, and a node's id for its own ping. */
const CHANNEL = "countersign_changes";

/** How often a node makes sure that it would hear, in milliseconds. */
const PING_MS = 1000;

/** A listener that hasn't heard its own ping for longer than this hears nothing, whatever its socket says. In milliseconds. */
const SILENCE_MS_MAX = 2500;

/** A connection that has been silent for this long is replaced, in milliseconds. */
const GIVEN_UP_MS = 10_000;

/** Between two attempts to connect, in milliseconds; doubled each time, and somewhere in its upper half. */
const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 5000;

/** Hears that another process has committed. */
export interface Listener {
  /** Would it hear of a change now? Otherwise it must be looked for. */
  isReliable(): boolean;
  stop(): Promise<void>;
}

/**
 * Listens on a connection of its own (LISTEN needs a session, so this one mustn't go through a pooler in transaction mode).
 *
 * Whether it works isn't believed but tried: every second a ping goes the way that changes go, through the pool, and has to come
 * back here. A pooler that swallows notifications, a dead network and a paused server all look the same then: unreliable.
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
        // The URL names a certificate that can't be read now.
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
      // No goodbye: it may be half open, or never have been more.
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
      // What was committed while nobody listened has to be looked for.
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
      // Half open, or behind a pooler that doesn't pass notifications on: another connection may do better.
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
