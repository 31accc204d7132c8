import { existsSync, readFileSync } from "node:fs";
import { SCHEMA } from "../storage/migrate.ts";
import { VERSION } from "./surroundings.ts";

/** What runs here. */
export interface Release {
  readonly version: string;
  /** The version of Node.js. */
  readonly node: string;
  /** Operating system and architecture, such as `linux-x64`. */
  readonly platform: string;
  /** The newest migration of the store that this release knows. */
  readonly schema: string;
  /** The commit that the package was built from; `undefined` in a checkout. */
  readonly commit: string | undefined;
}

/** Written beside the built modules by a release; see scripts/build.ts. */
const COMMIT_FILE = new URL("../COMMIT", import.meta.url);

export function describeRelease(): Release {
  return {
    version: VERSION,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    schema: SCHEMA,
    commit: existsSync(COMMIT_FILE) ? readFileSync(COMMIT_FILE, "utf8").trim() : undefined,
  };
}
