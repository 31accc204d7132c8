import { existsSync, statSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { databasePlace } from "../../config/database-url.ts";
import type { OpenedStoreFacts, StoreFacts } from "../../core/doctor/checks/check-store.ts";
import { findRestoration } from "../../core/store-identity/position.ts";
import { dataFiles } from "../../platform/data-folder.ts";
import { openPositionFile } from "../../platform/position-file.ts";
import type { InspectedStore } from "../../storage/inspected-store.ts";

/** The configured store, opened to look at it, or why it can't be. */
export interface DoctorStore {
  readonly facts: StoreFacts;
  readonly inspected: InspectedStore | undefined;
}

/** Opens the configured store without changing anything. Never rejects. */
export async function openDoctorStore(config: Config): Promise<DoctorStore> {
  const { databaseUrl, databaseListenUrl, dataDir } = config;
  const { database, masterKey } = dataFiles(dataDir);
  const position = openPositionFile(dataDir);
  const place = storePlace(config);
  if (databaseUrl === undefined && (statSync(database, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    const isLost = existsSync(masterKey) || position.exists();
    return { facts: { state: isLost ? "lost" : "missing", place }, inspected: undefined };
  }
  try {
    const inspected =
      databaseUrl === undefined
        ? await (await import("../../storage/sqlite/inspect-sqlite-store.ts")).inspectSqliteStore(database)
        : await (await import("../../storage/postgres/inspect-postgres-store.ts")).inspectPostgresStore(
            databaseUrl,
            databaseListenUrl ?? databaseUrl,
          );
    const { gap, reader, logBytes, readOnly, wrongEncoding } = inspected;
    const facts: OpenedStoreFacts = {
      state: "opened",
      place,
      missingMigrations: gap.missing,
      unknownMigrations: gap.unknown,
      ...(await compareWithPosition(reader, position)),
      logBytes,
      readOnly,
      wrongEncoding,
      writeProblem: undefined,
    };
    return { facts: isEmpty(inspected) ? { state: "missing", place } : facts, inspected };
  } catch (error) {
    const problem = error instanceof Error ? error.message : "unknown problem";
    return { facts: { state: "unreachable", place, problem }, inspected: undefined };
  }
}

/** Where the store is, without user and password. */
export function storePlace({ databaseUrl, dataDir }: Pick<Config, "databaseUrl" | "dataDir">): string {
  return databaseUrl === undefined ? dataFiles(dataDir).database : databasePlace(databaseUrl);
}

/** A PostgreSQL database without a store in it. */
function isEmpty({ gap, reader }: InspectedStore): boolean {
  return reader === undefined && gap.unknown.length === 0 && gap.missing[0]?.startsWith("0001-") === true;
}

async function compareWithPosition(
  reader: InspectedStore["reader"],
  position: ReturnType<typeof openPositionFile>,
): Promise<Pick<OpenedStoreFacts, "restoration" | "positionProblem">> {
  if (reader === undefined) return { restoration: undefined, positionProblem: undefined };
  try {
    return { restoration: await findRestoration(reader, position.read()), positionProblem: undefined };
  } catch (error) {
    const positionProblem = error instanceof Error ? error.message : "unknown problem";
    return { restoration: undefined, positionProblem };
  }
}
