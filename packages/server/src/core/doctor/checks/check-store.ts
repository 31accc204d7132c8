import { describeRestoration, type Restoration } from "../../store-identity/position.ts";
import { type Observation, observe, type Problem } from "../finding.ts";
import { formatBytes } from "./check-disk.ts";

/** A write-ahead log is cut to 8 MiB once no reader needs it. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;

/** What is known of the store: that it can't be opened, or what it is like. */
export type StoreFacts =
  | { readonly state: "missing"; readonly place: string }
  | { readonly state: "lost"; readonly place: string }
  | { readonly state: "unreachable"; readonly place: string; readonly problem: string }
  | OpenedStoreFacts;

export interface OpenedStoreFacts {
  readonly state: "opened";
  /** Where it is, without user and password. */
  readonly place: string;
  /** Names of migrations that haven't run, and of those that this release doesn't know. */
  readonly missingMigrations: readonly string[];
  readonly unknownMigrations: readonly string[];
  /** Is it another one than was served last? Unknown with an old schema. */
  readonly restoration: Restoration | undefined;
  /** Why the file that remembers the store's position can't be used. */
  readonly positionProblem: string | undefined;
  /** The size of SQLite's write-ahead log; 0 with PostgreSQL. */
  readonly logBytes: number;
  /** Why it can't be written; `undefined` if nothing shows that. */
  readonly readOnly: string | undefined;
  /** The database's encoding if the service can't use it. */
  readonly wrongEncoding: string | undefined;
  /** Why the last write of the running service failed. */
  readonly writeProblem: string | undefined;
}

const REGISTRY_UNCHECKED: Problem = {
  code: "not_checked",
  found: "What is in the store (keys, nodes, webhooks, the audit log) wasn't looked at.",
};

export function checkStore(facts: StoreFacts): Observation {
  const { state, place } = facts;
  if (state === "missing") return observe("", { code: "store_missing", found: `There is no store at ${place}.` });
  if (state === "lost") {
    const found = `A store was served from here, but its database ${place} is missing or empty.`;
    return observe("", { code: "store_lost", found }, REGISTRY_UNCHECKED);
  }
  if (state === "unreachable") {
    const found = `The store at ${place} can't be used: ${facts.problem}.`;
    return observe("", { code: "store_unreachable", found }, REGISTRY_UNCHECKED);
  }
  const { missingMigrations, unknownMigrations, restoration, positionProblem, logBytes, readOnly } = facts;
  const { wrongEncoding, writeProblem } = facts;
  const isOther = unknownMigrations.length + missingMigrations.length > 0;
  return observe(
    `The store at ${place} has this release's schema and is the one that was served last.`,
    wrongEncoding === undefined
      ? undefined
      : { code: "store_foreign", found: `The database at ${place} has the encoding ${wrongEncoding}.` },
    unknownMigrations.length === 0
      ? undefined
      : {
          code: "schema_newer",
          found: `The store at ${place} has migrations that this release doesn't know: ${unknownMigrations.join(", ")}.`,
        },
    missingMigrations.length === 0
      ? undefined
      : { code: "schema_older", found: `Migrations haven't run on ${place}: ${missingMigrations.join(", ")}.` },
    isOther ? REGISTRY_UNCHECKED : undefined,
    restoration === undefined
      ? undefined
      : { code: "store_restored", found: `${capitalized(describeRestoration(restoration))}.` },
    positionProblem === undefined ? undefined : { code: "store_restored", found: `${positionProblem}.` },
    readOnly === undefined
      ? undefined
      : { code: "store_read_only", found: `The store at ${place} can't be written: ${readOnly}.` },
    writeProblem === undefined
      ? undefined
      : { code: "store_unwritable", found: `Changes can't be made: ${writeProblem}.` },
    logBytes <= LOG_BYTES_MAX
      ? undefined
      : { code: "log_large", found: `The write-ahead log of ${place} has ${formatBytes(logBytes)}.` },
  );
}

/** @param damage as SQLite reports it */
export function checkDamage(place: string, damage: string | undefined): Observation {
  return observe(
    `No damaged page was found in ${place}.`,
    damage === undefined ? undefined : { code: "store_damaged", found: `${place} is damaged: ${damage}.` },
  );
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
