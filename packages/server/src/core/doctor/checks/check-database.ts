import { type Observation, observe } from "../finding.ts";

const MAJOR_MIN = 13;

/** The day of the last release of a major version of PostgreSQL (postgresql.org/support/versioning). */
const ENDS: Readonly<Record<number, string>> = {
  13: "2025-11-13",
  14: "2026-11-12",
  15: "2027-11-11",
  16: "2028-11-09",
  17: "2029-11-08",
  18: "2030-11-14",
};

export interface DatabaseFacts {
  /** The major version, such as 17. */
  readonly major: number;
  /** How many connections a user without special rights can open in all. */
  readonly connectionsMax: number;
  /** How many connections one process of the service may open, with the one that listens. */
  readonly connectionsPerNode: number;
  /** How many processes serve the store. */
  readonly nodes: number;
  /** Did a notification arrive on a connection that listens as a node does? */
  readonly isNotified: boolean;
  /** Is there a URL of its own for that connection? */
  readonly hasListenUrl: boolean;
}

export function checkDatabase(facts: DatabaseFacts, nowMs: number): Observation {
  const { major, connectionsMax, connectionsPerNode, nodes, isNotified, hasListenUrl } = facts;
  const end = ENDS[major];
  // Before the first start, count the node that will be.
  const needed = Math.max(nodes, 1) * connectionsPerNode;
  return observe(
    `PostgreSQL ${major}. Its clients may use ${needed} of ${connectionsMax} connections (nodes: ${Math.max(nodes, 1)}). Notifications arrive.`,
    major < MAJOR_MIN ? { code: "postgres_too_old", found: `The database runs PostgreSQL ${major}.` } : undefined,
    major >= MAJOR_MIN && end !== undefined && Date.parse(end) < nowMs
      ? { code: "postgres_unsupported", found: `PostgreSQL ${major} has had no security fixes since ${end}.` }
      : undefined,
    needed > connectionsMax
      ? {
          code: "connections_short",
          found: `The nodes (${Math.max(nodes, 1)}) may use ${needed} connections, ${connectionsPerNode} each; the database accepts ${connectionsMax}.`,
        }
      : undefined,
    isNotified
      ? undefined
      : {
          code: "notifications_lost",
          found: hasListenUrl
            ? "A notification didn't arrive at COUNTERSIGN_DATABASE_LISTEN_URL: it may lead through a pooler, too, or to another database."
            : "A notification didn't arrive at COUNTERSIGN_DATABASE_URL: a pooler in transaction mode may be in between.",
        },
  );
}
