import type { Store, StoreTransaction } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";
import { createStepWatch } from "../clock/step-watch.ts";
import type { JobState } from "./store.ts";

/**
 * How long a node has a job without renewing, in milliseconds. A node that dies is replaced after this time. It is counted by the
 * store's clock, which is the same for all nodes.
 */
export const LEASE_MS = 60_000;

/** A lease that was renewed within this time isn't renewed again, in milliseconds. */
const RENEWED_MS = 15_000;

/** A clock that was wrong must not keep a job from running: a run that lies further ahead than this, in milliseconds, is ignored. */
const CLOCKS_DIFFER_MS_MAX = 3_600_000;

/** Work that one node at a time does. It may be interrupted anywhere, and another node then continues it. */
export interface Job {
  readonly name: string;
  /** The time from the end of a complete run to the next run, in milliseconds. */
  readonly intervalMs: number;
  /** Does it act on what the wall clock says? If so, it doesn't begin within an hour after the clock was set. */
  readonly needsClock: boolean;
  /**
   * Does the work, in short steps. It must return soon once {@link JobLease.signal} is aborted. The run is then unfinished, as it is if
   * it rejects: this node or another soon runs the job again, from the position that was reached.
   *
   * @returns the position at which the next run begins; `null` for the beginning
   */
  run(lease: JobLease): Promise<number | null>;
}

/** This node's right to run a job. It ends unless it is renewed at least every {@link LEASE_MS}, by either method. */
export interface JobLease {
  /** Aborted when the node stops. */
  readonly signal: AbortSignal;
  /** The last position that {@link hold} recorded, or that a complete run returned; `null` for the beginning. */
  readonly position: number | null;
  /**
   * Renews the lease outside of a change. It is cheap enough for every step, since it writes only about every 15 s.
   *
   * @param position as for {@link hold}, but recorded only when this call writes
   * @throws {LeaseLost}
   */
  renew(position?: number): Promise<void>;
  /**
   * Renews the lease within a change, which thereby commits only if no other node has taken over.
   *
   * @param position recorded with the change, so that an interrupted run continues from it; stays as it is if `undefined`
   * @throws {LeaseLost} to be thrown out of the change, which is rolled back
   */
  hold(tx: Pick<StoreTransaction, "jobs">, position?: number): Promise<void>;
}

/** Another node has taken over the job, because this one didn't renew its lease in time. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

export interface JobRunner {
  /**
   * Runs the job if it is due and no other node runs it. After an unfinished run it is still due.
   *
   * @throws what the job throws
   */
  runIfDue(): Promise<void>;
  /** Aborts the current run, and starts none any more. */
  stop(): void;
}

/** @param holder the id of this process, different from every other process's */
export function createJobRunner(
  { store, clock, holder }: { readonly store: Pick<Store, "jobs">; readonly clock: Clock; readonly holder: string },
  job: Job,
): JobRunner {
  const { name } = job;
  const claim = { name, holder, leaseMs: LEASE_MS };
  const stopping = new AbortController();
  const { signal } = stopping;
  const isClockBelievable = createStepWatch(clock);

  function isDue({ ranAtMs }: JobState): boolean {
    if (ranAtMs === null) return true;
    const sinceMs = clock.wallMs() - ranAtMs;
    return sinceMs >= job.intervalMs || sinceMs < -CLOCKS_DIFFER_MS_MAX;
  }

  function leaseFrom({ position }: JobState): JobLease {
    const check = (isHeld: boolean) => {
      if (!isHeld) throw new LeaseLost(`another node has taken over the job ${name}`);
    };
    let renewedAtMs = clock.monotonicMs();
    return {
      signal,
      position,
      async renew(reached) {
        const nowMs = clock.monotonicMs();
        if (nowMs - renewedAtMs < RENEWED_MS) return;
        check(await store.jobs.hold(claim, reached));
        renewedAtMs = nowMs;
      },
      hold: async (tx, reached) => check(await tx.jobs.hold(claim, reached)),
    };
  }

  return {
    async runIfDue() {
      if (signal.aborted || (!isClockBelievable() && job.needsClock)) return;
      // Read first: taking the job is a write.
      const found = await store.jobs.find(name, LEASE_MS);
      if (found.isHeld || !isDue(found)) return;
      const taken = await store.jobs.take(claim);
      if (taken === undefined) return;
      try {
        // Another node may have run it in the meantime.
        if (!isDue(taken)) return;
        const position = await job.run(leaseFrom(taken));
        if (!signal.aborted) await store.jobs.complete(name, holder, { ranAtMs: clock.wallMs(), position });
      } catch (error) {
        // A run that was aborted may end in whatever way.
        if (!signal.aborted) throw error;
      } finally {
        // If this fails, the lease ends by itself.
        await store.jobs.release(name, holder).catch(() => undefined);
      }
    },
    stop() {
      stopping.abort();
    },
  };
}
