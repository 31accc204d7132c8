import type { SigningKeyRecord } from "./signing-keys.ts";

/** A serving process, as registered in the store. */
export interface LiveNode {
  readonly id: string;
  readonly startedAtMs: number;
  readonly seenAtMs: number;
  readonly version: string;
  /** The numbers of the signing keys whose tokens it can check. */
  readonly signingKeys: readonly number[];
  /** How clients reach it; `null` for a node of an earlier release. */
  readonly publicUrl: string | null;
  /** The name of its machine; `null` for a node of an earlier release. */
  readonly hostName: string | null;
  /**
   * How long before it registered it had last read the change feed to its end, in milliseconds, at most {@link FEED_LAG_MS_MAX};
   * `null` for a node of an earlier release.
   */
  readonly feedLagMs: number | null;
}

/** Stands for any longer time, and for a node that can't read the feed: a day. */
export const FEED_LAG_MS_MAX = 86_400_000;

/** How people know a node: by its machine. Several nodes on one machine differ by the beginning of their ids. */
export function nodeName({ id, hostName }: Pick<LiveNode, "id" | "hostName">): string {
  return hostName === null ? id : `${hostName} (${id.slice(0, 8)})`;
}

/** Reads signing keys outside of transactions. */
export interface SigningKeyStore {
  /** In order of their numbers. */
  list(): Promise<readonly SigningKeyRecord[]>;
}

/** Reads and writes signing keys in a transaction. */
export interface SigningKeyTransaction extends SigningKeyStore {
  insert(key: SigningKeyRecord): Promise<void>;
  update(number: number, values: Partial<Pick<SigningKeyRecord, "activatedAtMs" | "retiredAtMs">>): Promise<void>;
}

/** Lists nodes in a transaction. */
export interface NodeTransaction {
  /** Nodes that registered within this many milliseconds, inclusive, by the store's clock. */
  listLive(withinMs: number): Promise<readonly LiveNode[]>;
}

/** Registers nodes, and lists them. */
export interface NodeStore extends NodeTransaction {
  /** Registers a node, at the time of the store's clock. */
  record(node: Omit<LiveNode, "seenAtMs">): Promise<void>;
  remove(id: string): Promise<void>;
}
