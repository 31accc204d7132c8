/**
 * API users and their keys by the thousand: what a row says, and how many rows become one change. Reading files, and the threads that
 * examine keys, don't belong here.
 */
import type { Access } from "@countersign/protocol";
import { acceptWithoutProof, type KeyProofPolicy } from "../key-statements/key-proofs.ts";
import { parsePublicKey, type ParsedKey } from "../keys/admission.ts";
import { checkDisplayText, checkName, checkNotes, printable } from "../names.ts";
import { parseNetworks, requireKnownAddresses } from "../networks.ts";
import { fieldRefusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import { isTime } from "../time-text.ts";

/** The formats of a file of rows. */
export type RowFormat = "csv" | "jsonl";

/** The columns that an import reads. Each row has an API user, and a key of it if `public_key` is there. */
export const IMPORT_COLUMNS = [
  "account",
  "name",
  "access",
  "status",
  "may_rotate",
  "networks",
  "public_key",
  "label",
  "expires_at",
  "key_status",
  "key_networks",
  "display_name",
  "description",
  "contact",
] as const;

export type ImportColumn = (typeof IMPORT_COLUMNS)[number];

/** Columns that follow from others, or that this program adds to a file. An import ignores them. */
export const IGNORED_COLUMNS = ["username", "fingerprint", "line", "problem"] as const;

/** A row. What is `undefined` isn't given: a new user or key gets the default, and one that exists stays as it is. */
export interface ImportRow {
  /** The account's shortname. */
  readonly account: string;
  readonly name: string;
  readonly access: Access | undefined;
  readonly status: Standing | undefined;
  readonly mayRotate: boolean | undefined;
  /** In canonical form. */
  readonly networks: readonly string[] | undefined;
  readonly displayName: string | undefined;
  readonly description: string | undefined;
  readonly contact: string | undefined;
  readonly key: ImportKey | undefined;
}

/** The key of a row. */
export interface ImportKey {
  readonly parsed: ParsedKey;
  readonly label: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number | undefined;
  readonly status: Standing | undefined;
  /** In canonical form. */
  readonly networks: readonly string[] | undefined;
}

export interface ImportRowOptions {
  /** The account of rows that name none; others are refused. */
  readonly account?: string | undefined;
  /** As in {@link requireKnownAddresses}. */
  readonly unnamedProxy: string | undefined;
  /** A key in a row has no proof of possession. */
  readonly keyProof: KeyProofPolicy;
}

const ACCESS: Readonly<Record<string, Access>> = { full: "full", read_only: "read_only", "read-only": "read_only" };
const STATUS: Readonly<Record<string, Standing>> = { active: "active", deactivated: "deactivated" };
const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  "1": true,
  false: false,
  no: false,
  "0": false,
};

/**
 * Parses what a row says. Texts are trimmed, and an empty one counts as missing. `networks` is a list, or a text with blanks, commas or
 * semicolons between its members; `public_key` may be a JWK.
 *
 * @throws {Refusal} `field_invalid`, `key_rejected`, `key_weak`, `private_key_exposed`, `key_proof_required`: the first problem. A private key comes before
 *   any other
 */
export function parseImportRow(
  values: Readonly<Record<string, unknown>>,
  { account: ofAll, unnamedProxy, keyProof }: ImportRowOptions,
): ImportRow {
  const key = parseKey(values, unnamedProxy);
  if (key !== undefined) acceptWithoutProof(keyProof);
  const account = textOf(values, "account") ?? ofAll;
  if (account === undefined) throw fieldRefusal("field_invalid", "The account's shortname is missing.", "account");
  if (ofAll !== undefined && account !== ofAll) {
    throw fieldRefusal("field_invalid", `The row is for the account ${printable(account)}, not ${ofAll}.`, "account");
  }
  const name = textOf(values, "name");
  if (name === undefined) throw fieldRefusal("field_invalid", "The name is missing.", "name");
  checkName("name", name);
  const displayName = textOf(values, "display_name");
  const description = textOf(values, "description");
  const contact = textOf(values, "contact");
  checkNotes({ displayName, description, contact });
  return {
    account,
    name,
    access: choiceOf(values, "access", ACCESS),
    status: choiceOf(values, "status", STATUS),
    mayRotate: choiceOf(values, "may_rotate", FLAGS),
    networks: networksOf(values, "networks", unnamedProxy),
    displayName,
    description,
    contact,
    key,
  };
}

function parseKey(values: Readonly<Record<string, unknown>>, unnamedProxy: string | undefined): ImportKey | undefined {
  const given = values["public_key"];
  const isJwk = typeof given === "object" && given !== null;
  const text = isJwk ? JSON.stringify(given) : textOf(values, "public_key");
  const label = textOf(values, "label");
  // RFC 3339 §5.6 allows a blank before the time of day.
  const expiresAt = textOf(values, "expires_at")?.replace(" ", "T");
  const status = choiceOf(values, "key_status", STATUS);
  const networks = networksOf(values, "key_networks", unnamedProxy);
  if (text === undefined) {
    if ([label, expiresAt, status, networks].every((value) => value === undefined)) return undefined;
    throw fieldRefusal("field_invalid", "The row says something about a key, but public_key is missing.", "public_key");
  }
  const parsed = parsePublicKey(text);
  if (label !== undefined) checkDisplayText("label", label);
  if (expiresAt !== undefined && !isTime(expiresAt)) {
    throw fieldRefusal("field_invalid", "expires_at must be a time such as 2027-12-31T23:59:59Z.", "expires_at");
  }
  return { parsed, label, expiresAtMs: expiresAt === undefined ? undefined : Date.parse(expiresAt), status, networks };
}

function textOf(values: Readonly<Record<string, unknown>>, column: ImportColumn): string | undefined {
  const value = values[column];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw fieldRefusal("field_invalid", `${column} must be a text.`, column);
  const text = value.trim();
  return text === "" ? undefined : text;
}

function choiceOf<Value>(
  values: Readonly<Record<string, unknown>>,
  column: ImportColumn,
  choices: Readonly<Record<string, Value>>,
): Value | undefined {
  const value = values[column];
  const text = textOf(typeof value === "boolean" ? { [column]: String(value) } : values, column)?.toLowerCase();
  if (text === undefined) return undefined;
  if (Object.hasOwn(choices, text)) return choices[text];
  throw fieldRefusal("field_invalid", `${column} must be one of ${Object.keys(choices).join(", ")}.`, column);
}

function networksOf(
  values: Readonly<Record<string, unknown>>,
  column: "networks" | "key_networks",
  unnamedProxy: string | undefined,
): readonly string[] | undefined {
  const value = values[column];
  const isList = Array.isArray(value) && value.every((text) => typeof text === "string");
  const texts = isList ? value : (textOf(values, column)?.split(/[\s,;]+/) ?? []);
  if (texts.length === 0) return undefined;
  requireKnownAddresses(texts, [], unnamedProxy);
  return parseNetworks(texts);
}
