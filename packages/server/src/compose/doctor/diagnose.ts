import { randomBytes } from "node:crypto";
import { type ConfigReading, type Flags, passwordNotice, platformNotice } from "../../config/config.ts";
import { secretsOf } from "../../config/secrets-of.ts";
import { createClockWatch } from "../../core/clock/clock-watch.ts";
import type { CheckName } from "../../core/doctor/catalogue.ts";
import { checkClock } from "../../core/doctor/checks/check-clock.ts";
import { checkConfiguration } from "../../core/doctor/checks/check-configuration.ts";
import { checkDatabase } from "../../core/doctor/checks/check-database.ts";
import { checkDisk } from "../../core/doctor/checks/check-disk.ts";
import { checkFiles } from "../../core/doctor/checks/check-files.ts";
import { checkRuntime } from "../../core/doctor/checks/check-runtime.ts";
import { checkDamage, checkStore } from "../../core/doctor/checks/check-store.ts";
import { type Observation, observe, POINTLESS } from "../../core/doctor/finding.ts";
import { type Check, type Report, runChecks } from "../../core/doctor/run-checks.ts";
import { findDiskFacts, findFileFacts } from "../../platform/doctor/data-folder-facts.ts";
import { askNtp } from "../../platform/doctor/ntp.ts";
import { socketPathOf } from "../../platform/listener-url.ts";
import { pauseAwake } from "../../platform/pause.ts";
import { createRedactor } from "../../platform/redact.ts";
import { listenedHosts } from "../sockets.ts";
import { OLDEST_RUNTIME, type Surroundings } from "../surroundings.ts";
import { isDataFolderNeeded, settingFacts } from "./setting-facts.ts";
import { networkChecks } from "./network-checks.ts";
import { createPatient, type Patient } from "./patient.ts";
import { registryChecks } from "./registry-checks.ts";

/** How long the checks that run together may take, in milliseconds. */
const CHECKS_MS_MAX = 10_000;

/** What the doctor looks at. */
export interface DoctorOptions {
  /** The environment and the flags as they were read, with everything that is wrong with them. */
  readonly reading: ConfigReading;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: Flags;
  /** An NTP server to compare this machine's clock with. */
  readonly ntp?: string | undefined;
}

/** Runs every check of `countersign doctor`, whether the service runs or not. Changes nothing, and rejects for no fault. */
export async function diagnose(options: DoctorOptions, surroundings: Surroundings): Promise<Report> {
  const patient = createPatient(options.reading, surroundings);
  try {
    const { clock } = surroundings;
    const checks = [
      ...localChecks(patient, options, surroundings),
      ...networkChecks(patient, clock),
      ...registryChecks({ store: () => patient.reader(), masterSecrets: () => patient.masterSecrets(), clock }),
    ];
    const redact = createRedactor(secretsOf(patient.config));
    return await runChecks(checks, { msMax: CHECKS_MS_MAX, pause: pauseAwake, redact });
  } finally {
    patient.close();
  }
}

/** The checks of this machine and the store as a whole. */
function localChecks(
  patient: Patient,
  { reading, environment, flags, ntp }: DoctorOptions,
  { clock }: Surroundings,
): readonly Check[] {
  const { config } = patient;
  const check = (name: CheckName, run: () => Observation | Promise<Observation>): Check => ({
    name,
    run: async () => run(),
  });
  return [
    check("configuration", () =>
      checkConfiguration({
        ...settingFacts(config),
        // Which variables there are is a matter for the documentation.
        problems: reading.problems.map(({ error }) => `${error.message.replace(/; known are .*$/, "")}.`),
        platformNotice: platformNotice(environment),
        passwordNotice: passwordNotice(flags),
      }),
    ),
    check("runtime", () => checkRuntime(process.version, OLDEST_RUNTIME, clock.wallMs())),
    check("files", () => {
      const sockets = Object.values(listenedHosts(config)).flatMap((host) => socketPathOf(host ?? "") ?? []);
      return (
        patient.findUnusable("dataDir") ??
        checkFiles({
          ...findFileFacts(config.dataDir, config.secretFileAccess, sockets),
          isNeeded: isDataFolderNeeded(config),
        })
      );
    }),
    check("disk", async () => {
      const facts = patient.findUnusable("dataDir") === undefined ? await findDiskFacts(config.dataDir) : undefined;
      return facts === undefined ? POINTLESS : checkDisk(facts);
    }),
    check("store", async () => {
      const store = await patient.store();
      return store === undefined
        ? (patient.findUnusable("databaseUrl", "dataDir") ?? POINTLESS)
        : checkStore(store.facts);
    }),
    { ...check("damage", () => checkForDamage(patient)), isHeavy: true },
    check("database", async () => {
      const inspected = (await patient.store())?.inspected;
      if (inspected?.findServerFacts === undefined) return POINTLESS;
      const [serverFacts, nodes] = await Promise.all([inspected.findServerFacts(), patient.nodes()]);
      const ofNodes = { nodes: nodes.length, connectionsPerNode: config.databaseConnections + 1 };
      const hasListenUrl = config.databaseListenUrl !== undefined;
      return checkDatabase({ ...serverFacts, ...ofNodes, hasListenUrl }, clock.wallMs());
    }),
    check("clock", async () => {
      const reader = await patient.reader();
      const watch = createClockWatch({ clockMs: async () => reader?.clockMs() }, clock);
      const asked = ntp === undefined ? undefined : askNtp(ntp, () => clock.nowMicroseconds() / 1000, randomBytes(8));
      await watch.compare();
      return checkClock({ databaseOffsetMs: watch.databaseOffsetMs(), ntp: await asked, steps: 0 });
    }),
    check("backup", () =>
      observe("", { code: "backup_unknown", found: "The service can't see whether its store is backed up." }),
    ),
  ];
}

async function checkForDamage(patient: Patient): Promise<Observation> {
  const store = await patient.store();
  const findDamage = store?.inspected?.findDamage;
  return store === undefined || findDamage === undefined ? POINTLESS : checkDamage(store.facts.place, findDamage());
}
