import type { Check } from "../../core/doctor/run-checks.ts";
import { checkFeed } from "../../core/doctor/checks/check-feed.ts";
import { checkJobs, JOB_INTERVALS } from "../../core/doctor/checks/check-jobs.ts";
import { checkKeys } from "../../core/doctor/checks/check-keys.ts";
import { checkNodes } from "../../core/doctor/checks/check-nodes.ts";
import { checkOperators } from "../../core/doctor/checks/check-operators.ts";
import { checkSecrets, type SecretFacts } from "../../core/doctor/checks/check-secrets.ts";
import { checkWebhooks } from "../../core/doctor/checks/check-webhooks.ts";
import type { CheckName } from "../../core/doctor/catalogue.ts";
import { type Observation, POINTLESS } from "../../core/doctor/finding.ts";
import { LEASE_MS } from "../../core/jobs/job-runner.ts";
import { countKeys } from "../../core/keys/key-counts.ts";
import { LIVE_NODE_MS } from "../../core/signing-keys/changes.ts";
import type { Store } from "../../core/store/store.ts";
import type { Clock } from "../../core/surroundings.ts";
import { VERSION } from "../surroundings.ts";

/** How many operators, admin tokens and webhook endpoints are looked at. */
const ROWS_MAX = 200;

/** The parts of a store that the doctor reads. */
export type ReadStore = Pick<
  Store,
  | "adminTokens"
  | "clockMs"
  | "engine"
  | "events"
  | "jobs"
  | "keys"
  | "nodes"
  | "operators"
  | "passkeys"
  | "signingKeys"
  | "storeId"
  | "storeIdentity"
  | "highestIds"
  | "webhooks"
>;

export interface RegistryCheckOptions {
  /** `undefined` if the store can't be read. */
  readonly store: () => Promise<ReadStore | undefined>;
  readonly masterSecrets: () => SecretFacts["masterSecrets"];
  /** Is the view of this process confirmed? `undefined` in a command. */
  readonly isFresh?: () => boolean;
  readonly clock: Pick<Clock, "wallMs">;
}

/** The checks that read the registry: the same in a command and in a running service. */
export function registryChecks({ store, masterSecrets, isFresh, clock }: RegistryCheckOptions): readonly Check[] {
  const reading = (name: CheckName, look: (store: ReadStore, nowMs: number) => Promise<Observation>): Check => ({
    name,
    async run() {
      const readable = await store();
      // The store's own check says why.
      if (readable === undefined) return POINTLESS;
      return look(readable, clock.wallMs());
    },
  });
  return [
    reading("secrets", async ({ storeId, signingKeys }, nowMs) =>
      checkSecrets(
        { masterSecrets: masterSecrets(), storeId: await storeId(), signingKeys: await signingKeys.list() },
        nowMs,
      ),
    ),
    reading("nodes", async ({ nodes, signingKeys }) =>
      checkNodes({
        nodes: await nodes.listLive(LIVE_NODE_MS),
        signingKeys: await signingKeys.list(),
        version: VERSION,
      }),
    ),
    reading("feed", async ({ events }) => checkFeed(events, isFresh?.())),
    reading("webhooks", async ({ webhooks }, nowMs) =>
      checkWebhooks((await webhooks.page({}, { limit: ROWS_MAX })).items, nowMs),
    ),
    reading("jobs", async ({ jobs, nodes }, nowMs) => {
      const facts = JOB_INTERVALS.map(async (job) => ({ ...job, ...(await jobs.find(job.name, LEASE_MS)) }));
      return checkJobs(await Promise.all(facts), await nodes.listLive(LIVE_NODE_MS), nowMs);
    }),
    reading("keys", async ({ keys }, nowMs) => checkKeys(await countKeys(keys, nowMs))),
    reading("operators", async (from, nowMs) => checkOperators(await readOperators(from), nowMs)),
  ];
}

async function readOperators({ operators, passkeys, adminTokens }: ReadStore) {
  const { items } = await operators.page({ status: "active" }, { limit: ROWS_MAX });
  return {
    operators: await Promise.all(
      items.map(async ({ id, email, status, federated }) => ({
        email,
        status,
        federated,
        hasPasskey: (await passkeys.list(id)).length > 0,
      })),
    ),
    adminTokens: (await adminTokens.page({}, { limit: ROWS_MAX })).items,
  };
}
