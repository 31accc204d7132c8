import { monotonicMs } from "./companion.ts";
import { connectRaw, type RawAnswer } from "../../packages/server/src/testing/raw-http.ts";

/** An answer, with the times of its request in {@link monotonicMs}. */
export interface TimedAnswer extends RawAnswer {
  /** Before its first byte was written. */
  readonly startedAtMs: number;
  /** After its answer's last byte was read. */
  readonly endedAtMs: number;
}

/** Sends one request after the other, on one connection as long as the other side keeps it open. */
export interface TimedClient {
  ask(bytes: string): Promise<TimedAnswer>;
  end(): void;
}

export async function connectTimed(url: string): Promise<TimedClient> {
  let connection = await connectRaw(url);
  let isEnding = false;
  return {
    async ask(bytes) {
      if (isEnding) {
        connection.end();
        connection = await connectRaw(url);
      }
      const startedAtMs = monotonicMs();
      connection.write(bytes);
      const answer = await connection.answer();
      const endedAtMs = monotonicMs();
      // nginx closes a connection after 1000 requests.
      isEnding = answer.header("connection")?.toLowerCase() === "close";
      return { ...answer, startedAtMs, endedAtMs };
    },
    end() {
      connection.end();
    },
  };
}
