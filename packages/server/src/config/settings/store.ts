import type { SecretFileAccess } from "../../platform/secret-file.ts";
import { parsePath } from "../check-text.ts";
import { parseDatabaseUrl } from "../database-url.ts";
import { parseChoice, parseInteger, parseMasterSecrets } from "../parse-values.ts";
import { setting } from "./setting.ts";

/** The store, and the secrets and files that belong to it. */
export const STORE_SETTINGS = {
  dataDir: setting({
    variable: "COUNTERSIGN_DATA_DIR",
    flag: "--data-dir <folder>",
    default: "./data",
    meaning: "folder that holds the SQLite file countersign.db and master.key",
    parse: (text = "./data") => parsePath(text),
  }),
  secretFileAccess: setting({
    variable: "COUNTERSIGN_SECRET_FILE_ACCESS",
    flag: "--secret-file-access <who>",
    default: "owner",
    meaning:
      "who besides this process's user and root may access secret files and the data folder. owner: no other user; group: also a group of this process, whatever user owns the file, as on a Kubernetes volume with fsGroup",
    parse: (text = "owner") => parseChoice<SecretFileAccess>(text, ["owner", "group"]),
  }),
  databaseUrl: setting({
    variable: "COUNTERSIGN_DATABASE_URL",
    flag: "--database-url <url>",
    default: "none: SQLite",
    meaning: "postgres://user:password@host/database: the PostgreSQL store that several nodes share",
    secret: true,
    parse: (text) => (text === undefined ? undefined : parseDatabaseUrl(text)),
  }),
  databaseListenUrl: setting({
    variable: "COUNTERSIGN_DATABASE_LISTEN_URL",
    default: "COUNTERSIGN_DATABASE_URL",
    meaning:
      "URL for LISTEN that bypasses a pooler in transaction mode; behind such a pooler, a node without it polls for changes every 50 ms",
    secret: true,
    parse: (text) => (text === undefined ? undefined : parseDatabaseUrl(text)),
  }),
  databaseConnections: setting({
    variable: "COUNTERSIGN_DATABASE_CONNECTIONS",
    flag: "--database-connections <number>",
    default: "10",
    meaning: "maximum connections to PostgreSQL for each process, besides the one that listens",
    parse: (text = "10") => parseInteger(text, 2, 1000),
  }),
  masterSecrets: setting({
    variable: "COUNTERSIGN_MASTER_SECRET",
    default: "master.key in the data folder, created on the first start",
    meaning: "32 bytes in base64, from which the signing keys derive; or several, newest first, separated by commas",
    secret: true,
    isList: true,
    parse: (text) => (text === undefined ? undefined : parseMasterSecrets(text)),
  }),
} as const;
