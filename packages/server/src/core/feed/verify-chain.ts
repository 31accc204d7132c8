import { type AuditEvent, type ChainBreak, CHAIN_START, findChainBreak } from "./audit-chain.ts";
import type { EventStore } from "./store.ts";

/** How many events are read and hashed in one step. Other requests wait for a step, about a millisecond. */
const EVENTS_PER_READ = 100;

/** The result of checking the whole hash chain. */
export interface ChainReport {
  /** How many events were read. */
  readonly events: number;
  /** The hash of the last intact event before a break. */
  readonly lastHash: string;
  readonly broken: ChainBreak | undefined;
}

/** Checks the hash chain from its beginning. @param yieldToEventLoop awaited between two steps, so that a server can answer requests */
export async function verifyChain(
  log: Pick<EventStore, "after">,
  yieldToEventLoop: () => Promise<void> = () => Promise.resolve(),
): Promise<ChainReport> {
  let last: AuditEvent | undefined;
  let count = 0;
  for (;;) {
    const events = await log.after(last?.seq ?? 0, EVENTS_PER_READ);
    if (events.length === 0) return { events: count, lastHash: last?.hash ?? CHAIN_START, broken: undefined };
    count += events.length;
    const broken = findChainBreak(events, last);
    if (broken !== undefined) return { events: count, lastHash: last?.hash ?? CHAIN_START, broken };
    last = events.at(-1);
    await yieldToEventLoop();
  }
}

/**
 * Makes a verification that runs once at a time. Callers during a run share the next one, which begins when that run ends, so every
 * caller's report is about a chain read after the call.
 */
export function createChainVerification(
  log: Pick<EventStore, "after">,
  yieldToEventLoop: () => Promise<void>,
): () => Promise<ChainReport> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<ChainReport> | undefined;

  function verifyAfter(earlier: Promise<unknown>): Promise<ChainReport> {
    const begin = () => {
      next = undefined;
      return verifyChain(log, yieldToEventLoop);
    };
    const verification = earlier.then(begin, begin);
    last = verification;
    return verification;
  }
  return () => (next ??= verifyAfter(last));
}

/** A report as JSON, for the admin API and `--json`. */
export function chainReportJson({ events, lastHash, broken }: ChainReport) {
  return broken === undefined ? { ok: true, events, last_hash: lastHash } : { ok: false, events, ...broken };
}
