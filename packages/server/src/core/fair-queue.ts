import { Refusal } from "./refusal.ts";

/** Runs work, so much of it at once and no more; the rest waits its turn. */
export interface FairQueue {
  /**
   * Runs the work now or when its turn comes. Clients take turns, each in the order in which it came: whoever has a thousand waiting
   * delays the others by one.
   *
   * @param client whose work it is
   * @throws {Refusal} `unavailable` where too much waits: the newest work of the client that has the most waiting
   */
  run<Result>(client: string, work: () => Promise<Result>): Promise<Result>;
}

interface Waiting {
  start(): void;
  refuse(): void;
}

/** @param bounds.waitingMax how much may wait, over all clients, inclusive */
export function createFairQueue(bounds: { readonly runningMax: number; readonly waitingMax: number }): FairQueue {
  /** Each client's waiting work, the oldest first. The first client is the next one. */
  const lines = new Map<string, Waiting[]>();
  let running = 0;
  let waiting = 0;

  function waitForTurn(client: string): Promise<void> {
    if (waiting >= bounds.waitingMax) makeRoomFor(client);
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

  function startNext(): void {
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
    async run(client, work) {
      if (running < bounds.runningMax) running++;
      else await waitForTurn(client);
      try {
        return await work();
      } finally {
        startNext();
      }
    },
  };
}

function tooMuch(): Refusal {
  return new Refusal("unavailable", "This node has more work of this kind waiting than it takes on.", {
    hint: "Wait for the time in Retry-After, and send the request again.",
    retryAfterSeconds: 1,
  });
}
