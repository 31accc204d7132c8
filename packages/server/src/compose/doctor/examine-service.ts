import { statSync } from "node:fs";
import { passwordNotice, platformNotice } from "../../config/config.ts";
import { findUnnamedProxy } from "../../config/unnamed-proxy.ts";
import { secretsOf } from "../../config/secrets-of.ts";
import type { CheckName } from "../../core/doctor/catalogue.ts";
import { checkCertificates } from "../../core/doctor/checks/check-certificates.ts";
import { checkClock } from "../../core/doctor/checks/check-clock.ts";
import { checkConfiguration } from "../../core/doctor/checks/check-configuration.ts";
import { checkDisk } from "../../core/doctor/checks/check-disk.ts";
import { checkFiles } from "../../core/doctor/checks/check-files.ts";
import { checkLimits } from "../../core/doctor/checks/check-limits.ts";
import { checkProxies } from "../../core/doctor/checks/check-proxies.ts";
import { checkRuntime } from "../../core/doctor/checks/check-runtime.ts";
import { checkStore } from "../../core/doctor/checks/check-store.ts";
import { type Observation, POINTLESS } from "../../core/doctor/finding.ts";
import { type Check, type Report, runChecks } from "../../core/doctor/run-checks.ts";
import { connectionLimits } from "../../http/server/connection-limits.ts";
import { dataFiles } from "../../platform/data-folder.ts";
import { findDiskFacts, findFileFacts } from "../../platform/doctor/data-folder-facts.ts";
import { socketPathOf } from "../../platform/listener-url.ts";
import { pause } from "../../platform/pause.ts";
import { createRedactor } from "../../platform/redact.ts";
import { spareDescriptors } from "../../platform/spare-descriptors.ts";
import type { Node } from "../node.ts";
import { listenedHosts } from "../sockets.ts";
import { OLDEST_RUNTIME } from "../surroundings.ts";
import { storePlace } from "./inspect-store.ts";
import { checkProvider, readOwnCertificates } from "./network-checks.ts";
import { registryChecks } from "./registry-checks.ts";
import { isDataFolderNeeded, settingFacts } from "./setting-facts.ts";

/** How long the checks may take, in milliseconds: an operator waits for them. */
const CHECKS_MS_MAX = 6000;

/** What the doctor needs of a running node. */
export type ExaminedNode = Pick<Node, "clock" | "clockWatch" | "config" | "masterSecrets" | "store" | "view">;

/**
 * Runs the checks that a running node can make of itself, with what only it knows: its view, its clock's steps, its limit of open
 * files and why its last write failed. What shows only from outside is left to the command.
 *
 * @param openConnections how many connections the public listener has now
 */
export function examineService(node: ExaminedNode, openConnections: number): Promise<Report> {
  const { clock, config, masterSecrets, store, view } = node;
  const checks = [
    ...ownChecks(node, openConnections),
    ...registryChecks({
      store: () => Promise.resolve(store),
      masterSecrets: () => masterSecrets,
      isFresh: () => view.feed.isFresh(),
      clock,
    }),
  ];
  return runChecks(checks, { msMax: CHECKS_MS_MAX, pause, redact: createRedactor(secretsOf(config)) });
}

function ownChecks({ clock, clockWatch, config, store }: ExaminedNode, openConnections: number): readonly Check[] {
  const check = (name: CheckName, run: () => Observation | Promise<Observation>): Check => ({
    name,
    run: async () => run(),
  });
  const sockets = Object.values(listenedHosts(config)).flatMap((host) => socketPathOf(host ?? "") ?? []);
  return [
    check("configuration", () =>
      checkConfiguration({
        ...settingFacts(config),
        problems: [],
        platformNotice: platformNotice(process.env),
        passwordNotice: passwordNotice({}),
      }),
    ),
    check("runtime", () => checkRuntime(process.version, OLDEST_RUNTIME, clock.wallMs())),
    check("limits", () => {
      const spare = spareDescriptors();
      if (spare === undefined) return POINTLESS;
      const ofDatabase = config.databaseUrl === undefined ? 0 : config.databaseConnections + 2;
      return checkLimits(
        connectionLimits(config, spare + openConnections, ofDatabase).public.max,
        config.connectionsMax,
      );
    }),
    check("files", () =>
      checkFiles({
        ...findFileFacts(config.dataDir, config.secretFileAccess, sockets),
        isNeeded: isDataFolderNeeded(config),
      }),
    ),
    check("disk", async () => {
      const facts = await findDiskFacts(config.dataDir);
      return facts === undefined ? POINTLESS : checkDisk(facts);
    }),
    check("store", () =>
      checkStore({
        state: "opened",
        place: storePlace(config),
        // A node serves no store of which it doesn't know these.
        missingMigrations: [],
        unknownMigrations: [],
        restoration: undefined,
        positionProblem: undefined,
        logBytes: statSync(`${dataFiles(config.dataDir).database}-wal`, { throwIfNoEntry: false })?.size ?? 0,
        readOnly: undefined,
        wrongEncoding: undefined,
        writeProblem: store.writeProblem(),
      }),
    ),
    check("clock", () =>
      checkClock({ databaseOffsetMs: clockWatch.databaseOffsetMs(), ntp: undefined, steps: clockWatch.steps() }),
    ),
    check("certificates", () => {
      const certificates = readOwnCertificates(config);
      return certificates.length === 0 ? POINTLESS : checkCertificates(certificates, clock.wallMs());
    }),
    check("proxies", () =>
      checkProxies(
        { trustedProxies: config.trustedProxies, unnamedProxy: findUnnamedProxy(config) },
        undefined,
        undefined,
      ),
    ),
    check("single_sign_on", () => checkProvider(config)),
  ];
}
