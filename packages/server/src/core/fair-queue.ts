import { Refusal } from "./refusal.ts";

/** Bounds how much work runs at once; the rest waits its turn. */
export interface FairQueue {
  /**
   * Takes a place now or when its turn comes; {@link FairQueue.leave} gives it back. Clients take turns, each in the order in which
   * it came: a client that has a thousand waiting delays the others by one.
   *
   * @param client whose work it is
   * @returns nothing where there is a place at once
   * @throws {Refusal} where too much waits: the newest work of the client that has the most waiting
   */
  enter(client: string): Promise<void> | undefined;
  /** Ends what {@link FairQueue.enter} began. */
  leave(): void;
  /** Would work by a single client be refused now? */
  isFull(): boolean;
  /** Both around the work. On a hot path, `enter` and `leave` are cheaper. */
  run<Result>(client: string, work: () => Promise<Result>): Promise<Result>;
}

/** How much runs and waits. */
export interface FairQueueBounds {
  readonly runningMax: number;
  /** Over all clients, inclusive. */
  readonly waitingMax: number;
  /** What counts as one client; each text is one by itself unless given. Asked only where a client has to wait. */
  readonly clientOf?: (text: string) => string;
  /** What is thrown where too much waits; `unavailable` unless given. */
  readonly tooMuch?: () => Refusal;
}

interface Waiting {
  start(): void;
  refuse(): void;
}

export function createFairQueue({
  runningMax,
  waitingMax,
  clientOf = (text) => text,
  tooMuch = tooMuchWork,
}: FairQueueBounds): FairQueue {
  /** Each client's waiting work, the oldest first. The first client is the next one. */
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
          reject(tooMuch());
        },
      });
      lines.set(client, line);
      waiting++;
    });
  }

  /** @throws {Refusal} where no other client would still have more waiting than this one */
  function makeRoomFor(client: string): void {
    let longest: Waiting[] = [];
    for (const line of lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= (lines.get(client)?.length ?? 0) + 1) throw tooMuch();
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
    // Behind all others now.
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

function tooMuchWork(): Refusal {
  return new Refusal("unavailable", "This node has more work of this kind waiting than it takes on.", {
    hint: "Wait for the time in Retry-After, and send the request again.",
    retryAfterSeconds: 1,
  });
}
