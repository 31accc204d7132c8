import type { SigningKeyRecord } from "./signing-keys.ts";

/** A process that serves, as the others see it. */
export interface LiveNode {
  readonly id: string;
  readonly startedAtMs: number;
  readonly seenAtMs: number;
  readonly version: string;
  /** The numbers of the signing keys whose tokens it can check. */
  readonly signingKeys: readonly number[];
}

/** Signing keys, as the store reads them outside of changes. */
export interface SigningKeyStore {
  /** In the order of their numbers. */
  list(): Promise<readonly SigningKeyRecord[]>;
}

/** Signing keys within a change. */
export interface SigningKeyTransaction extends SigningKeyStore {
  insert(key: SigningKeyRecord): Promise<void>;
  update(number: number, values: Partial<Pick<SigningKeyRecord, "activatedAtMs" | "retiredAtMs">>): Promise<void>;
}

/** The nodes that serve, as a change sees them. */
export interface NodeTransaction {
  /** Nodes that were seen within so many milliseconds, inclusive, by the store's clock. */
  listLive(withinMs: number): Promise<readonly LiveNode[]>;
}

/** The nodes that serve. */
export interface NodeStore extends NodeTransaction {
  /** Says that a node is there. The store's clock says when. */
  record(node: Omit<LiveNode, "seenAtMs">): Promise<void>;
  remove(id: string): Promise<void>;
}
