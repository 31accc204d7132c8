import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout } from "node:timers/promises";
import { collectGarbage } from "../../platform/collect-garbage.ts";
import { repeat } from "../../platform/repeat.ts";
import type { CertificateFigures } from "../../platform/tls-certificates.ts";
import { Connection, connectionOf, type ConnectionOwner } from "./connection.ts";

/** How often every connection is inspected, in milliseconds, unless a test sets another interval. */
export const TICK_MS = 1000;

/** For how many ticks a client may read nothing of a waiting answer. */
const STALLED_TICKS_MAX = 15;

/** After how many ticks a closing connection is destroyed if its client doesn't close it. */
const LINGER_TICKS_MAX = 2;

/**
 * Silent connections are evicted first once they are at least one in this many; before that, idle ones are. A client needs a moment
 * between connecting and sending a request, and a flood of connections that have sent one must not deprive it of that.
 */
const SILENT_SHARE = 4;

/** How many connections are examined, at most, to find one to evict. */
const CANDIDATES_MAX = 256;

/** Memory is released once this many connections, or a quarter of the limit, have closed since the peak: they used some 50 MB. */
const CLOSED_MANY = 2000;

/** For how many ticks the number must have stayed that low. */
const CLOSED_TICKS = 5;

/** How often a reached limit is logged, in ticks. */
const LOG_TICKS = 60;

/** While a listener stops: how often connections are checked, after how many quiet checks they count as quiet, and the longest wait. */
const STOP_CHECK_MS = 5;
const QUIET_CHECKS = 3;
const QUIET_MS_MAX = 250;

/** The limits on a listener's connections. */
export interface ConnectionLimits {
  /** For all clients together. */
  readonly max: number;
  /** How many of {@link max} are reserved for health checks. */
  readonly reserved: number;
  /** For one client. */
  readonly perAddressMax: number;
  /** The client behind a peer's address; `undefined` if many clients share it, as behind a gateway. */
  readonly clientOf: (address: string) => string | undefined;
}

/** Open connections, and counters of those that were cut off or not accepted. */
export interface ConnectionFigures {
  readonly open: number;
  /** Closed to make room for a new one. */
  readonly evicted: number;
  /** Not accepted, because no other could be evicted. */
  readonly refused: number;
  /** Cut off, because the client read nothing of an answer. */
  readonly unread: number;
  /** Ended without a TLS handshake: plain HTTP, an old version of TLS, or a client that rejects the certificate. */
  readonly unsecured: number;
}

/** A listener's figures for the metrics. */
export interface ListenerFigures extends ConnectionFigures {
  /** `undefined` for a listener without TLS. */
  readonly certificate?: CertificateFigures;
}

/** Resolves when all processes that share a port have reached this step of stopping, or after a timeout if one is stuck. */
export type StopBarrier = (step: StopStep) => Promise<void>;

/**
 * The steps after which each process waits for the others: it defers its requests; no more requests arrive; its listening sockets
 * are closed. The operating system resets the connections that still wait on a shared socket when the last process closes it. No
 * process answers before all have closed their sockets, because its clients would reconnect.
 */
export type StopStep = "deferring" | "quiet" | "closed";

/** A listener's connections. */
export interface Connections {
  /** Accepts a new connection or destroys its socket. */
  admit(socket: Socket): void;
  /**
   * Continues a connection whose TLS handshake has succeeded.
   *
   * @param socket the socket that was admitted
   * @param secure what it is read and written through from now on
   * @param isGateway whether many clients share the connection, so that it doesn't count towards its address
   */
  secure(socket: Socket, secure: Socket, isGateway: boolean): void;
  /** Counts a connection whose TLS handshake has failed. */
  countUnsecured(): void;
  /** Closes the connections whose sockets are meant: after the requests they have received. Handshakes are cut off. */
  close(isMeant: (socket: Socket) => boolean): void;
  figures(): ConnectionFigures;
  /** From now on, connections close after their answers, which say so. */
  announceClose(): void;
  /**
   * Closes the listening sockets when no request is in transit, then idle connections, and the rest after `drainMsMax`.
   *
   * @param closeListeners closes the listening sockets
   * @param closeIdle closes connections without a pending request
   * @param barrier for a port that several processes share
   */
  drain(drainMsMax: number, closeListeners: () => void, closeIdle: () => void, barrier?: StopBarrier): Promise<void>;
}

/** Connections in order of arrival, separated by whether they have received a request. */
interface Group {
  readonly silent: Set<Connection>;
  readonly used: Set<Connection>;
}

const newGroup = (): Group => ({ silent: new Set(), used: new Set() });
const sizeOf = ({ silent, used }: Group) => silent.size + used.size;

/**
 * Makes the connections of one listener.
 *
 * @param serve answers a request
 * @param onLimit called at most once a minute if connections were evicted or refused
 * @param isTls whether a connection begins with a TLS handshake
 */
export function createConnections(
  limits: ConnectionLimits,
  serve: ConnectionOwner["serve"],
  onLimit: (figures: ConnectionFigures) => void,
  tickMs: number,
  isTls = false,
): Connections {
  const all = newGroup();
  const byClient = new Map<string, Group>();
  const counts = { evicted: 0, refused: 0, unread: 0, unsecured: 0 };
  const pipelined: (() => void)[] = [];
  let limitedAtLog = 0;
  let loggedAtTick = -LOG_TICKS;
  let admitted = 0;
  let peak = 0;
  let closedTicks = 0;

  const owner = {
    tick: 0,
    isDraining: false as boolean,
    deferred: undefined as (() => void)[] | undefined,
    serve,
    serveLater(serveNow: () => void) {
      pipelined.push(serveNow);
      if (pipelined.length === 1) setImmediate(servePipelined);
    },
    onFirstRequest(connection: Connection) {
      for (const { silent, used } of groupsOf(connection)) if (silent.delete(connection)) used.add(connection);
    },
  } satisfies ConnectionOwner;

  /**
   * Serves one pipelined request in each turn of the event loop, over all connections. The loop accepts one connection a turn, so
   * every client that waits to connect waits for everything else that a turn does.
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
    for (const { silent, used } of groupsOf(connection)) {
      silent.delete(connection);
      used.delete(connection);
    }
    forgetEmpty(connection.client);
  }

  function forgetEmpty(client: string | undefined): void {
    const group = client === undefined ? undefined : byClient.get(client);
    if (client !== undefined && group !== undefined && sizeOf(group) === 0) byClient.delete(client);
  }

  /** From now on the connection counts towards no address. */
  function release(connection: Connection): void {
    const { client } = connection;
    const group = client === undefined ? undefined : byClient.get(client);
    group?.silent.delete(connection);
    group?.used.delete(connection);
    connection.client = undefined;
    forgetEmpty(client);
  }

  /** Closes the group's best candidate for eviction. @returns whether there was one */
  function evict(group: Group): boolean {
    const { silent, used } = group;
    const areManySilent = silent.size * SILENT_SHARE >= sizeOf(group);
    const victim = (areManySilent ? undefined : findVictim(used)) ?? oldestOf(silent) ?? findVictim(used);
    if (victim === undefined) return false;
    counts.evicted++;
    remove(victim);
    victim.socket.destroy();
    return true;
  }

  /** Evicts connections until the group has room for one more. @returns whether it has */
  function makeRoom(group: Group, max: number): boolean {
    while (sizeOf(group) >= max) if (!evict(group)) return false;
    return true;
  }

  function admit(socket: Socket): void {
    const { remoteAddress } = socket;
    // The connection has already closed.
    if (remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const client = limits.clientOf(remoteAddress);
    const group = client === undefined ? undefined : byClient.get(client);
    const isWithinOwn = group === undefined || makeRoom(group, limits.perAddressMax);
    const isWithinAll = isWithinOwn && makeRoom(all, limits.max - limits.reserved);
    if (!isWithinOwn || (!isWithinAll && sizeOf(all) >= limits.max)) {
      counts.refused++;
      socket.destroy();
      return;
    }
    const connection = new Connection(owner, socket, client, !isWithinAll, isTls);
    if (client !== undefined && !byClient.has(client)) byClient.set(client, newGroup());
    for (const { silent } of groupsOf(connection)) silent.add(connection);
    socket.once("close", () => {
      remove(connection);
    });
  }

  function tick(): void {
    owner.tick++;
    for (const set of [all.silent, all.used]) for (const connection of set) inspect(connection);
    releaseMemory();
    const limited = counts.evicted + counts.refused;
    if (limited > limitedAtLog && owner.tick - loggedAtTick >= LOG_TICKS) {
      limitedAtLog = limited;
      loggedAtTick = owner.tick;
      onLimit(figures());
    }
  }

  const closedMany = Math.min(CLOSED_MANY, limits.max / 4);

  function releaseMemory(): void {
    const open = sizeOf(all);
    peak = Math.max(peak, open);
    closedTicks = peak - open >= closedMany ? closedTicks + 1 : 0;
    if (closedTicks < CLOSED_TICKS) return;
    peak = open;
    void collectGarbage();
  }

  /** Destroys a connection whose client neither closes it nor reads its answer. */
  function inspect(connection: Connection): void {
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

  const ticking = repeat(
    tickMs,
    async () => {
      tick();
    },
    () => undefined,
  );
  const figures = (): ConnectionFigures => ({ open: sizeOf(all), ...counts });
  const each = () => [...all.silent, ...all.used];

  /** Waits until no connection or request has arrived for a moment, so that none is in transit. */
  async function untilQuiet(deferred: readonly unknown[]): Promise<void> {
    const deadline = performance.now() + QUIET_MS_MAX;
    let seen = -1;
    let quietChecks = 0;
    while (quietChecks < QUIET_CHECKS && performance.now() < deadline) {
      await setTimeout(STOP_CHECK_MS);
      // After the event loop has read what the operating system has received.
      await nextTurn();
      const now = deferred.length + admitted;
      quietChecks = now === seen ? quietChecks + 1 : 0;
      seen = now;
    }
  }

  return {
    admit(socket) {
      admitted++;
      admit(socket);
    },
    secure(socket, secure, isGateway) {
      const connection = connectionOf(socket);
      if (connection === undefined) {
        // It was evicted in the same moment.
        secure.destroy();
        return;
      }
      connection.finishHandshake(secure);
      if (isGateway) release(connection);
    },
    countUnsecured() {
      counts.unsecured++;
    },
    close(isMeant) {
      for (const connection of each()) {
        if (connection.isHandshaking) connection.socket.destroy();
        else if (isMeant(connection.socket)) connection.closeAfterAnswers();
      }
    },
    figures,
    announceClose() {
      if (owner.isDraining) return;
      owner.isDraining = true;
      for (const connection of each()) connection.closeWhenAnswered();
    },
    async drain(drainMsMax, closeListeners, closeIdle, barrier = () => Promise.resolve()) {
      this.announceClose();
      const deadline = performance.now() + drainMsMax;
      const deferred: (() => void)[] = [];
      owner.deferred = deferred;
      await barrier("deferring");
      await untilQuiet(deferred);
      await barrier("quiet");
      closeListeners();
      await barrier("closed");
      owner.deferred = undefined;
      for (const serveNow of deferred) serveNow();
      while (sizeOf(all) > 0) {
        const isOver = performance.now() >= deadline;
        for (const connection of each()) {
          const hasSent = !connection.isHandshaking && connection.socket.bytesRead > 0;
          const isUntouched = connection.isSilent && !hasSent;
          if (isOver || isUntouched) connection.socket.destroy();
        }
        // Node's check knows about partly received heads, but treats an answer as finished while the client is still reading it.
        if (each().every(({ socket }) => socket.writableLength === 0)) closeIdle();
        if (sizeOf(all) > 0) await setTimeout(STOP_CHECK_MS);
      }
      await ticking.stop();
    },
  };
}

function oldestOf(connections: ReadonlySet<Connection>): Connection | undefined {
  const [oldest] = connections;
  return oldest;
}

/** The longest idle connection or, if none is idle, one that waits for its client. Moves the examined ones to the end. */
function findVictim(connections: Set<Connection>): Connection | undefined {
  let victim: Connection | undefined;
  let examined = 0;
  for (const connection of connections) {
    if (++examined > Math.min(CANDIDATES_MAX, connections.size)) break;
    connections.delete(connection);
    connections.add(connection);
    if (!connection.isIdle && !connection.isWaitingForClient) continue;
    if (victim === undefined || isBetterVictim(connection, victim)) victim = connection;
  }
  return victim;
}

function isBetterVictim(one: Connection, other: Connection): boolean {
  return one.isIdle === other.isIdle ? one.lastTick < other.lastTick : one.isIdle;
}
