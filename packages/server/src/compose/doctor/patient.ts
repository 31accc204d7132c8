import type { Config, ConfigReading, SettingName } from "../../config/config.ts";
import { SETTINGS } from "../../config/config.ts";
import type { SecretFacts } from "../../core/doctor/checks/check-secrets.ts";
import { notChecked, type Observation } from "../../core/doctor/finding.ts";
import { createProbes, type Probes } from "../../core/doctor/probe.ts";
import { LIVE_NODE_MS } from "../../core/signing-keys/changes.ts";
import type { LiveNode } from "../../core/signing-keys/store.ts";
import type { Store } from "../../core/store/store.ts";
import { readMasterKey } from "../../platform/data-folder.ts";
import type { Surroundings } from "../surroundings.ts";
import { type DoctorStore, openDoctorStore } from "./inspect-store.ts";

/** What several checks of a command share. Each part is read once. */
export interface Patient {
  readonly config: Config;
  /** An observation for a check that needs these settings, if one of them has a problem. */
  findUnusable(...names: readonly SettingName[]): Observation | undefined;
  /** `undefined` if the settings don't say where it is. */
  store(): Promise<DoctorStore | undefined>;
  /** `undefined` if the store can't be read. */
  reader(): Promise<Store | undefined>;
  storeId(): Promise<string | undefined>;
  /** The nodes that serve the store; none if that isn't known. */
  nodes(): Promise<readonly LiveNode[]>;
  masterSecrets(): SecretFacts["masterSecrets"];
  /** `undefined` without a master secret. */
  probes(): Probes | undefined;
  /** Closes the store, without waiting for one that doesn't answer. */
  close(): void;
}

export function createPatient({ config, problems }: ConfigReading, { clock, random }: Surroundings): Patient {
  const unusable = new Set(problems.flatMap(({ setting }) => setting ?? []));
  const isStoreKnown = !unusable.has("databaseUrl") && !unusable.has("dataDir");
  const opening = isStoreKnown ? openDoctorStore(config) : undefined;
  const reader = async () => (await opening)?.inspected?.reader;

  function masterSecrets(): SecretFacts["masterSecrets"] {
    if (config.masterSecrets !== undefined) return config.masterSecrets;
    if (unusable.has("masterSecrets")) return { problem: "COUNTERSIGN_MASTER_SECRET can't be used" };
    try {
      return [readMasterKey(config.dataDir, config.secretFileAccess, random, false)];
    } catch (error) {
      return { problem: error instanceof Error ? error.message : "the master secret can't be read" };
    }
  }

  return {
    config,
    findUnusable(...names) {
      const name = names.find((one) => unusable.has(one));
      return name === undefined ? undefined : notChecked(`${SETTINGS[name].variable} can't be used.`);
    },
    store: async () => opening,
    reader,
    storeId: async () => (await reader())?.storeId(),
    nodes: async () => (await (await reader())?.nodes.listLive(LIVE_NODE_MS)) ?? [],
    masterSecrets,
    probes() {
      const secrets = masterSecrets();
      if ("problem" in secrets) return undefined;
      const [newest, ...older] = secrets;
      return newest && createProbes([newest, ...older], clock, random);
    },
    close() {
      void opening?.then(({ inspected }) => inspected?.close()).catch(() => undefined);
    },
  };
}
