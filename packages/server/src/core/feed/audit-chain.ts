import { createHash } from "node:crypto";
import type { EventRow } from "./event.ts";

/** An event's row before it has a place in the chain. */
export interface UnchainedEvent extends EventRow {
  readonly atMs: number;
  /** The author, such as `cli:alice`. */
  readonly actor: string;
}

/** A row of the audit log, which is the change feed. */
export interface AuditEvent extends UnchainedEvent {
  /** 1, 2, 3, … in commit order, without gaps. */
  readonly seq: number;
  /** {@link chainHash} of the row before; 64 zeros for the first. */
  readonly previousHash: string;
  readonly hash: string;
}

/** The previous hash of the first event. */
export const CHAIN_START = "0".repeat(64);

/** SHA-256, in hex, over the row's fields and the hash of the row before, as a JSON array in this order. */
export function chainHash(event: Omit<AuditEvent, "hash">): string {
  const { seq, atMs, actor, action, subject, details, previousHash } = event;
  // Sorted, because not every engine keeps the order of an object's members.
  const sorted = Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([seq, atMs, actor, action, subject, sorted, previousHash]))
    .digest("hex");
}

/** Appends an event to the chain after `last`. */
export function chainEvent(event: UnchainedEvent, last: Pick<AuditEvent, "seq" | "hash"> | undefined): AuditEvent {
  const unhashed = { ...event, seq: (last?.seq ?? 0) + 1, previousHash: last?.hash ?? CHAIN_START };
  return { ...unhashed, hash: chainHash(unhashed) };
}

/** Where a chain breaks: the first event that was changed, is missing or is out of order. */
export interface ChainBreak {
  readonly seq: number;
  readonly problem: string;
}

/**
 * Checks that `events` continue the chain after `last`. It can't detect events missing at the end; for that, compare the last hash
 * with one kept elsewhere.
 */
export function findChainBreak(
  events: readonly AuditEvent[],
  last: Pick<AuditEvent, "seq" | "hash"> | undefined,
): ChainBreak | undefined {
  let before = { seq: last?.seq ?? 0, hash: last?.hash ?? CHAIN_START };
  for (const event of events) {
    if (event.seq !== before.seq + 1) return { seq: before.seq + 1, problem: "the event is missing" };
    if (event.previousHash !== before.hash) return { seq: event.seq, problem: "it doesn't continue the event before" };
    if (event.hash !== chainHash(event)) return { seq: event.seq, problem: "its contents were changed" };
    before = event;
  }
  return undefined;
}
