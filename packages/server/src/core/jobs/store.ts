/**
 * Background jobs that one node at a time runs: who runs a job, when it ran last, and how far an unfinished run got. What a job does
 * doesn't belong here.
 */

/** A node's claim to run a job. */
export interface JobClaim {
  readonly name: string;
  /** The id of the process that runs it. */
  readonly holder: string;
  /** How long the claim lasts unless it is renewed, in milliseconds by the store's clock. At its end, inclusive, it is over. */
  readonly leaseMs: number;
}

/** What is known of a job. */
export interface JobState {
  /** When a run was last completed, in milliseconds since the epoch; `null` if never. */
  readonly ranAtMs: number | null;
  /** How far the job got, as `hold` or `complete` recorded it; `null` for the beginning. */
  readonly position: number | null;
}

/** Holds a job within a change, or outside of one. */
export interface JobTransaction {
  /**
   * Renews the holder's claim, and records how far it got. Within a change, no other node can take the job until the change ends.
   *
   * @param position stays as it is if `undefined`
   * @returns false, with nothing changed, if the holder doesn't have the job any more
   */
  hold(claim: JobClaim, position?: number | null): Promise<boolean>;
}

/** Reads and writes jobs outside of changes. */
export interface JobStore extends JobTransaction {
  /**
   * What is known of a job, also of one that no node has ever run, and whether a node has it now.
   *
   * @param leaseMs how long a claim of this job lasts: one that ends later than two that begin now was begun by a wrong clock, and
   *   doesn't count
   */
  find(name: string, leaseMs?: number): Promise<JobState & { readonly isHeld: boolean }>;
  /** Takes the job for the holder. @returns `undefined` while another holder has it */
  take(claim: JobClaim): Promise<JobState | undefined>;
  /** Ends the holder's claim, so that another node can take the job at once. Changes nothing if another holder has it. */
  release(name: string, holder: string): Promise<void>;
  /** Records a complete run and where the next one begins, and ends the claim. Changes nothing if another holder has the job. */
  complete(name: string, holder: string, state: JobState): Promise<void>;
}
