import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout } from "node:timers/promises";
import { collectGarbage } from "../../platform/collect-garbage.ts";
import { repeat } from "../../platform/repeat.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";

/** How often every connection is looked at, in milliseconds, unless a test says otherwise. */
export const TICK_MS = 1000;

/** For how many looks a client may take nothing of an answer that waits for it. */
const STALLED_TICKS_MAX = 15;

/** After how many looks a connection ends whose client doesn't close it. */
const LINGER_TICKS_MAX = 2;

/**
 * Silent connections make way first once they are one in so many. While they are fewer, idle ones do: a client needs a moment
 * between connecting and asking, which a flood of connections that have asked once must not take from it.
 */
const SILENT_SHARE = 4;

/** How many connections are looked at, at most, for one that can make way. */
const CANDIDATES_MAX = 256;

/** After so many connections have gone since there were most, or a quarter of the limit, memory is given back: they had some 50 MB. */
const GONE_MANY = 2000;

/** For how many looks there have been so few by then. */
const GONE_TICKS = 5;

/** How often a limit that is met is logged, in looks. */
const LOG_TICKS = 60;

/** While a listener stops: how often connections are looked at, when they count as quiet, and how long that may take. */
const STOP_LOOK_MS = 5;
const QUIET_LOOKS = 3;
const QUIET_MS_MAX = 250;

/** How many connections a listener may have. */
export interface ConnectionLimits {
  /** All together. */
  readonly max: number;
  /** Of {@link max}, those that are for health checks alone. */
  readonly reserved: number;
  /** From one client address. */
  readonly perAddressMax: number;
  /** The client that a peer's address stands for; `undefined` where it stands for many, as a gateway's does. */
  readonly clientOf: (address: string) => string | undefined;
}

/** What became of connections. Counts only go up. */
export interface ConnectionFigures {
  readonly open: number;
  /** Closed to make way for a new one. */
  readonly evicted: number;
  /** Not accepted, since none could make way. */
  readonly refused: number;
  /** Cut off, since the client took nothing of an answer. */
  readonly unread: number;
}

/** Resolves when all processes that share a port and stop have come to this step; when one of them is stuck, a little later. */
export type Together = (step: StopStep) => Promise<void>;

/**
 * What each process has done when it waits for the others: it holds its requests, no more of them come, its listening sockets are
 * closed. The operating system resets the connections that still wait for a shared socket when the last process closes it. No
 * process answers before all have closed, because its clients would reconnect.
 */
export type StopStep = "holding" | "quiet" | "closed";

/** A listener's connections. */
export interface Connections {
  /** Takes a new connection in, or destroys its socket. */
  admit(socket: Socket): void;
  figures(): ConnectionFigures;
  /** From now on every answer says that its connection closes. */
  announceClose(): void;
  /**
   * Closes the listening sockets at a moment when no request is on its way, then whatever is idle, then the rest after
   * `drainMsMax`.
   *
   * @param closeListeners closes the listening sockets
   * @param closeIdle closes connections on which no request is under way
   * @param together for a port that several processes share
   */
  drain(drainMsMax: number, closeListeners: () => void, closeIdle: () => void, together?: Together): Promise<void>;
}

/** Connections in the order in which they came, those without any request yet by themselves. */
interface Group {
  readonly silent: Set<Connection>;
  readonly spoken: Set<Connection>;
}

const newGroup = (): Group => ({ silent: new Set(), spoken: new Set() });
const sizeOf = ({ silent, spoken }: Group) => silent.size + spoken.size;

/**
 * @param serve answers a request
 * @param onLimit told, at most once a minute, that connections had to make way or weren't accepted
 */
export function createConnections(
  limits: ConnectionLimits,
  serve: ConnectionOwner["serve"],
  onLimit: (figures: ConnectionFigures) => void,
  tickMs: number,
): Connections {
  const all = newGroup();
  const byClient = new Map<string, Group>();
  const counts = { evicted: 0, refused: 0, unread: 0 };
  const pipelined: (() => void)[] = [];
  let limitedAtLog = 0;
  let loggedAtTick = -LOG_TICKS;
  let admitted = 0;
  let most = 0;
  let goneTicks = 0;

  const owner = {
    tick: 0,
    isDraining: false as boolean,
    held: undefined as (() => void)[] | undefined,
    serve,
    serveLater(serveNow: () => void) {
      pipelined.push(serveNow);
      if (pipelined.length === 1) setImmediate(servePipelined);
    },
    onSpoke(connection: Connection) {
      for (const { silent, spoken } of groupsOf(connection)) if (silent.delete(connection)) spoken.add(connection);
    },
  } satisfies ConnectionOwner;

  /**
   * Serves one pipelined request a turn of the event loop, of all connections together. The loop accepts one connection a turn:
   * whatever else a turn does, each client in the queue behind it waits for.
   */
  function servePipelined(): void {
    pipelined[0]?.();
    pipelined.shift();
    if (pipelined.length > 0) setImmediate(servePipelined);
  }

  function groupsOf({ client }: Connection): readonly Group[] {
    const group = client === undefined ? undefined : byClient.get(client);
    return group === undefined ? [all] : [all, group];
  }

  function remove(connection: Connection): void {
    for (const { silent, spoken } of groupsOf(connection)) {
      silent.delete(connection);
      spoken.delete(connection);
    }
    const { client } = connection;
    const group = client === undefined ? undefined : byClient.get(client);
    if (client !== undefined && group !== undefined && sizeOf(group) === 0) byClient.delete(client);
  }

  /** Closes the connection of a group that can best be spared. @returns whether there was one */
  function evict(group: Group): boolean {
    const { silent, spoken } = group;
    const areManySilent = silent.size * SILENT_SHARE >= sizeOf(group);
    const victim = (areManySilent ? undefined : findSpare(spoken)) ?? oldestOf(silent) ?? findSpare(spoken);
    if (victim === undefined) return false;
    counts.evicted++;
    remove(victim);
    victim.socket.destroy();
    return true;
  }

  /** @returns whether the group has room for one more within a limit, or got it */
  function makeWay(group: Group, max: number): boolean {
    while (sizeOf(group) >= max) if (!evict(group)) return false;
    return true;
  }

  function admit(socket: Socket): void {
    const { remoteAddress } = socket;
    // It is gone already.
    if (remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const client = limits.clientOf(remoteAddress);
    const group = client === undefined ? undefined : byClient.get(client);
    const isWithinOwn = group === undefined || makeWay(group, limits.perAddressMax);
    const isWithinAll = isWithinOwn && makeWay(all, limits.max - limits.reserved);
    if (!isWithinOwn || (!isWithinAll && sizeOf(all) >= limits.max)) {
      counts.refused++;
      socket.destroy();
      return;
    }
    const connection = new Connection(owner, socket, client, !isWithinAll);
    if (client !== undefined && !byClient.has(client)) byClient.set(client, newGroup());
    for (const { silent } of groupsOf(connection)) silent.add(connection);
    socket.once("close", () => {
      remove(connection);
    });
  }

  function look(): void {
    owner.tick++;
    for (const set of [all.silent, all.spoken]) for (const connection of set) lookAt(connection);
    giveMemoryBack();
    const limited = counts.evicted + counts.refused;
    if (limited > limitedAtLog && owner.tick - loggedAtTick >= LOG_TICKS) {
      limitedAtLog = limited;
      loggedAtTick = owner.tick;
      onLimit(figures());
    }
  }

  const goneMany = Math.min(GONE_MANY, limits.max / 4);

  function giveMemoryBack(): void {
    const open = sizeOf(all);
    most = Math.max(most, open);
    goneTicks = most - open >= goneMany ? goneTicks + 1 : 0;
    if (goneTicks < GONE_TICKS) return;
    most = open;
    void collectGarbage();
  }

  function lookAt(connection: Connection): void {
    const { socket } = connection;
    if (connection.lingerTicks !== undefined && ++connection.lingerTicks > LINGER_TICKS_MAX) {
      socket.destroy();
      return;
    }
    if (socket.writableLength === 0) {
      connection.stalledTicks = 0;
      return;
    }
    const flushedBytes = socket.bytesWritten - socket.writableLength;
    connection.stalledTicks = flushedBytes === connection.flushedBytes ? connection.stalledTicks + 1 : 0;
    connection.flushedBytes = flushedBytes;
    if (connection.stalledTicks < STALLED_TICKS_MAX) return;
    counts.unread++;
    socket.destroy();
  }

  const looking = repeat(
    tickMs,
    async () => {
      look();
    },
    () => undefined,
  );
  const figures = (): ConnectionFigures => ({ open: sizeOf(all), ...counts });
  const each = () => [...all.silent, ...all.spoken];

  /** Waits until no request has come for a moment: then no client waits for the listener, or is about to ask. */
  async function untilQuiet(held: readonly unknown[]): Promise<void> {
    const deadline = performance.now() + QUIET_MS_MAX;
    let seen = -1;
    let quietLooks = 0;
    while (quietLooks < QUIET_LOOKS && performance.now() < deadline) {
      await setTimeout(STOP_LOOK_MS);
      // Behind what the operating system has by now.
      await nextTurn();
      const now = held.length + admitted;
      quietLooks = now === seen ? quietLooks + 1 : 0;
      seen = now;
    }
  }

  return {
    admit(socket) {
      admitted++;
      admit(socket);
    },
    figures,
    announceClose() {
      if (owner.isDraining) return;
      owner.isDraining = true;
      for (const connection of each()) connection.closeWhenAnswered();
    },
    async drain(drainMsMax, closeListeners, closeIdle, together = () => Promise.resolve()) {
      this.announceClose();
      const deadline = performance.now() + drainMsMax;
      const held: (() => void)[] = [];
      owner.held = held;
      await together("holding");
      await untilQuiet(held);
      await together("quiet");
      closeListeners();
      await together("closed");
      owner.held = undefined;
      for (const serveNow of held) serveNow();
      while (sizeOf(all) > 0) {
        const isOver = performance.now() >= deadline;
        for (const connection of each()) {
          const isUntouched = connection.isSilent && connection.socket.bytesRead === 0;
          if (isOver || isUntouched) connection.socket.destroy();
        }
        // Node knows where a part of a head has come. But it takes an answer that is still being read for given.
        if (each().every(({ socket }) => socket.writableLength === 0)) closeIdle();
        if (sizeOf(all) > 0) await setTimeout(STOP_LOOK_MS);
      }
      await looking.stop();
    },
  };
}

function oldestOf(connections: ReadonlySet<Connection>): Connection | undefined {
  const [oldest] = connections;
  return oldest;
}

/** The idle connection that has been so for longest, or one whose client keeps it waiting; those looked at go to the end. */
function findSpare(connections: Set<Connection>): Connection | undefined {
  let spare: Connection | undefined;
  let looked = 0;
  for (const connection of connections) {
    if (++looked > Math.min(CANDIDATES_MAX, connections.size)) break;
    connections.delete(connection);
    connections.add(connection);
    if (!connection.isIdle && !connection.isWaitingForClient) continue;
    if (spare === undefined || isBetterSpare(connection, spare)) spare = connection;
  }
  return spare;
}

function isBetterSpare(one: Connection, other: Connection): boolean {
  return one.isIdle === other.isIdle ? one.lastTick < other.lastTick : one.isIdle;
}
