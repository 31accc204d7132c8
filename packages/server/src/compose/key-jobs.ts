import { SYSTEM } from "../core/change/change-tx.ts";
import type { Job } from "../core/jobs/job-runner.ts";
import { type AuditJobDependencies, createKeyAuditJob, createSharedPrimeJob } from "../core/keys/audit/audit-jobs.ts";
import { createStoredKeyExaminer } from "../core/keys/audit/stored-key-examiner.ts";
import { createUnusedKeySearch } from "../core/keys/notices/find-unused-keys.ts";
import { createExpiryReminders } from "../core/keys/notices/remind-of-expiries.ts";
import { createKeyExaminerThread } from "../platform/key-examiner-thread.ts";
import { pause } from "../platform/pause.ts";
import type { Node } from "./node.ts";

type KeyJobDependencies = Pick<Node, "config" | "store" | "clock" | "commit">;

/** The jobs that look after keys. */
export function createKeyJobs(node: KeyJobDependencies): readonly Job[] {
  const { store, clock, commit } = node;
  const walk = { store, clock, commit, pause };
  return [
    createExpiryReminders(walk),
    createUnusedKeySearch(walk),
    inOwnThread(node, createKeyAuditJob),
    inOwnThread(node, createSharedPrimeJob),
  ];
}

/** A job that examines keys in a thread, which lives as long as a run: no request and no new key waits for it. */
function inOwnThread(
  { config, store, clock, commit }: KeyJobDependencies,
  create: (audit: AuditJobDependencies) => Job,
): Job {
  const thread = createKeyExaminerThread(config.keyBlocklist);
  const job = create({
    store,
    commit,
    author: SYSTEM,
    policy: config.weakKeys,
    clock,
    examiner: createStoredKeyExaminer(thread, store.keys),
    pause,
  });
  return {
    ...job,
    async run(lease) {
      // A step may take seconds: stopping doesn't wait for it.
      const close = () => void thread.close();
      lease.signal.addEventListener("abort", close);
      try {
        return await job.run(lease);
      } finally {
        lease.signal.removeEventListener("abort", close);
        await thread.close();
      }
    },
  };
}
