/** The audit log of a server, as a stream reads it. */
import type { AuditEvent } from "../core/feed/audit-chain.ts";
import type { EventSource } from "../core/feed/stream-events.ts";
import { Refusal } from "../core/refusal.ts";
import type { EventJson, Operate } from "./operations.ts";
import { NoAnswer } from "./remote-operations.ts";

/** Reads the log by the operations of a server. While it can't be reached, or limits requests, it counts as unavailable. */
export function createRemoteEvents(operate: Operate): EventSource {
  const getPosition = async () => (await available(operate("getAuditPosition", {}))).data;
  return {
    events: {
      async after(seq, limit) {
        const query = { direction: "ascending", after: seq, limit } as const;
        const { data } = await available(operate("listAuditEvents", { query, isVerbatim: true }));
        return data.map(toEvent);
      },
      async last() {
        const { seq, hash } = await getPosition();
        return { seq, hash };
      },
    },
    async storeIdentity() {
      const { store_id: id, previous_store_id: previousId } = await getPosition();
      return { id, previousId };
    },
    // A server reports nothing by itself; it is asked again and again.
    watchChanges: () => ({ stop: () => Promise.resolve() }),
  };
}

async function available<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    const isTemporary = error instanceof NoAnswer || (error instanceof Refusal && error.code === "rate_limited");
    if (!isTemporary) throw error;
    throw new Refusal("unavailable", error.message, { cause: error });
  }
}

/** The event as it is hashed. */
function toEvent({ at, previous_hash: previousHash, ...event }: EventJson): AuditEvent {
  return { ...event, atMs: Date.parse(at), previousHash };
}
