import { type AuditEvent, findChainBreak } from "../../feed/audit-chain.ts";
import type { EventStore } from "../../feed/store.ts";
import { type Observation, observe } from "../finding.ts";

/** How many of the last events are verified. countersign audit verify does all. */
const EVENTS_VERIFIED = 500;

/** Verifies the end of the hash chain, and reports whether the running node's view is confirmed. */
export async function checkFeed(
  events: Pick<EventStore, "after" | "last">,
  /** `undefined` in a command, which has no view. */
  isFresh: boolean | undefined,
): Promise<Observation> {
  const { seq } = await events.last();
  // One more: the first event is compared with the one before it.
  const read = await events.after(Math.max(0, seq - EVENTS_VERIFIED - 1), EVENTS_VERIFIED + 1);
  const [first, ...rest] = read;
  const isWhole = first === undefined || first.seq === 1;
  const broken = isWhole ? findChainBreak(read, undefined) : findChainBreak(rest, first satisfies AuditEvent);
  return observe(
    `The last ${isWhole ? read.length : rest.length} of ${seq} events are chained without a break.`,
    broken === undefined
      ? undefined
      : { code: "audit_broken", found: `The audit log is broken at event ${broken.seq}: ${broken.problem}.` },
    isFresh === false
      ? { code: "feed_stale", found: "This node hasn't confirmed its view of the registry for over 5 s." }
      : undefined,
  );
}
