import { type AuditEvent, type ChainBreak, CHAIN_START, findChainBreak } from "./audit-chain.ts";
import type { RegistryStore } from "./store.ts";

/** How many events are read at once. */
const EVENTS_PER_READ = 1000;

/** What became of checking the whole hash chain. */
export interface ChainReport {
  /** How many events were read. */
  readonly events: number;
  /** Of the last event that is whole. */
  readonly lastHash: string;
  readonly broken: ChainBreak | undefined;
}

/** Checks the hash chain from its beginning. @param breathe awaited between two parts: a server has other things to do */
export async function verifyChain(
  store: Pick<RegistryStore, "eventsAfter">,
  breathe: () => Promise<void> = () => Promise.resolve(),
): Promise<ChainReport> {
  let last: AuditEvent | undefined;
  let count = 0;
  for (;;) {
    const events = await store.eventsAfter(last?.seq ?? 0, EVENTS_PER_READ);
    if (events.length === 0) return { events: count, lastHash: last?.hash ?? CHAIN_START, broken: undefined };
    count += events.length;
    const broken = findChainBreak(events, last);
    if (broken !== undefined) return { events: count, lastHash: last?.hash ?? CHAIN_START, broken };
    last = events.at(-1);
    await breathe();
  }
}

/** How a report is shown to programs. */
export function chainReportJson({ events, lastHash, broken }: ChainReport) {
  return broken === undefined ? { ok: true, events, last_hash: lastHash } : { ok: false, events, ...broken };
}
