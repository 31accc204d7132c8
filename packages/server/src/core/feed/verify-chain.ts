import { type AuditEvent, type ChainBreak, CHAIN_START, findChainBreak } from "./audit-chain.ts";
import type { EventStore } from "./store.ts";

/** How many events are read and hashed at once: about a millisecond's work, which other requests wait for. */
const EVENTS_PER_READ = 100;

/** What became of checking the whole hash chain. */
export interface ChainReport {
  /** How many events were read. */
  readonly events: number;
  /** Of the last event that is whole. */
  readonly lastHash: string;
  readonly broken: ChainBreak | undefined;
}

/** Checks the hash chain from its beginning. @param yieldToEventLoop awaited between two parts: a server has other things to do */
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
 * Makes a verification that takes place once at a time, however many ask for it. Those who ask while one runs share the next one, which
 * begins when that ends: what it says is of a chain that was read after each of them asked.
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

/** How a report is shown to programs. */
export function chainReportJson({ events, lastHash, broken }: ChainReport) {
  return broken === undefined ? { ok: true, events, last_hash: lastHash } : { ok: false, events, ...broken };
}
