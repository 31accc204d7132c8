import { Refusal } from "./refusal.ts";

/** Bounds how much work runs concurrently, and queues the rest fairly among clients. */
export interface FairQueue {
  /**
   * Takes a slot, now or in turn; {@link FairQueue.leave} returns it. Clients take turns, and each client's work keeps its order, so
   * a client with a thousand waiting tasks delays the others by one.
   *
   * @param client the client that the work is for
   * @returns `undefined` if a slot is free; otherwise a promise of the slot
   * @throws {Refusal} if the queue is full. The refused work is the newest of the client with the most waiting
   */
  enter(client: string): Promise<void> | undefined;
  /** Returns the slot taken by {@link FairQueue.enter}. */
  leave(): void;
  /** Are all slots and all places in the queue taken? */
  isFull(): boolean;
  /** Runs the work between `enter` and `leave`. On a hot path, calling those directly is cheaper. */
  run<Result>(client: string, work: () => Promise<Result>): Promise<Result>;
}

/** The bounds of a queue. */
export interface FairQueueBounds {
  readonly runningMax: number;
  /** For all clients together, inclusive. */
  readonly waitingMax: number;
  /** Maps the text given to `enter` to a client; by default each text is a client. Called only if the work has to wait. */
  readonly clientOf?: (text: string) => string;
  /** The refusal when the queue is full; `unavailable` by default. */
  readonly fullRefusal?: () => Refusal;
}

interface Waiting {
  start(): void;
  refuse(): void;
}

export function createFairQueue({
  runningMax,
  waitingMax,
  clientOf = (text) => text,
  fullRefusal = overloadRefusal,
}: FairQueueBounds): FairQueue {
  /** Each client's waiting work, oldest first. The first client is next in turn. */
  const lines = new Map<string, Waiting[]>();
  let running = 0;
  let waiting = 0;

  function waitForTurn(client: string): Promise<void> {
    if (waiting >= waitingMax) makeRoomFor(client);
    return new Promise((resolve, reject) => {
      const line = lines.get(client) ?? [];
      line.push({
        start: resolve,
        refuse: () => {
          reject(fullRefusal());
        },
      });
      lines.set(client, line);
      waiting++;
    });
  }

  /** Refuses the newest work of the client with the most waiting. @throws {Refusal} if that is this client itself */
  function makeRoomFor(client: string): void {
    let longest: Waiting[] = [];
    for (const line of lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= (lines.get(client)?.length ?? 0) + 1) throw fullRefusal();
    waiting--;
    longest.pop()?.refuse();
  }

  function enter(client: string): Promise<void> | undefined {
    if (running >= runningMax) return waitForTurn(clientOf(client));
    running++;
    return undefined;
  }

  function leave(): void {
    const [next] = lines;
    if (next === undefined) {
      running--;
      return;
    }
    const [client, line] = next;
    lines.delete(client);
    const first = line.shift();
    // The client moves to the end.
    if (line.length > 0) lines.set(client, line);
    waiting--;
    first?.start();
  }

  return {
    enter,
    leave,
    isFull: () => running >= runningMax && waiting >= waitingMax,
    async run(client, work) {
      const turn = enter(client);
      if (turn !== undefined) await turn;
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

function overloadRefusal(): Refusal {
  return new Refusal("unavailable", "This node has too much work of this kind waiting.", {
    hint: "Wait for the time in Retry-After, and send the request again.",
    retryAfterSeconds: 1,
  });
}
