/**
 * Configuration: one table of settings. The type, the flags, the variables and the documentation all derive from it.
 *
 * Flags win over environment variables, which win over defaults. Everything is parsed and checked before anything starts.
 */
import { availableParallelism } from "node:os";
import { WEAK_KEY_POLICIES } from "../core/keys/audit/record-weakness.ts";
import type { KeyProofPolicy } from "../core/key-statements/key-proofs.ts";
import { readSecretFile, type SecretFileAccess, SecretFileError } from "../platform/secret-file.ts";
import { findTextProblem, parsePath } from "./check-text.ts";
import { ConfigError, Problem } from "./config-error.ts";
import { holdsPassword, parseDatabaseUrl } from "./database-url.ts";
import {
  parseBoundedDuration,
  parseChoice,
  parseHost,
  parseInteger,
  parseIssuer,
  parseMasterSecrets,
  parseNames,
  parseNetworkList,
  parsePaths,
  parseProxies,
  parsePublicUrl,
  parseRoles,
  parseScope,
} from "./parse-values.ts";
import { findPlatformVariables, hasPlatformName } from "./platform-variables.ts";

export { ConfigError } from "./config-error.ts";

interface Setting<Value> {
  readonly variable: string;
  /** In commander's notation. A setting without a flag is a secret, which must not appear among a process's arguments. */
  readonly flag?: string;
  readonly meaning: string;
  /** As the documentation shows it. */
  readonly default: string;
  /** A secret's value may come from the file that `NAME_FILE` names. */
  readonly secret?: true;
  /** White space around the value and its entries is ignored. */
  readonly isList?: true;
  /** The value is a duration, in milliseconds. */
  readonly duration?: true;
  /** @param text `undefined` if the setting isn't given */
  readonly parse: (text: string | undefined) => Value;
}

function setting<Value>(definition: Setting<Value>): Setting<Value> {
  return definition;
}

export const SETTINGS = {
  host: setting({
    variable: "COUNTERSIGN_HOST",
    flag: "--host <address>",
    default: "127.0.0.1",
    meaning: "address of the public listener",
    parse: (text = "127.0.0.1") => parseHost(text),
  }),
  port: setting({
    variable: "COUNTERSIGN_PORT",
    flag: "--port <number>",
    default: "8080",
    meaning: "port of the public listener; 0 picks a free one",
    parse: (text = "8080") => parseInteger(text, 0, 65_535),
  }),
  adminHost: setting({
    variable: "COUNTERSIGN_ADMIN_HOST",
    flag: "--admin-host <address>",
    default: "127.0.0.1",
    meaning: "address of the internal listener: console, admin API, metrics, health",
    parse: (text = "127.0.0.1") => parseHost(text),
  }),
  adminPort: setting({
    variable: "COUNTERSIGN_ADMIN_PORT",
    flag: "--admin-port <number>",
    default: "8081",
    meaning: "port of the internal listener; 0 picks a free one",
    parse: (text = "8081") => parseInteger(text, 0, 65_535),
  }),
  publicUrl: setting({
    variable: "COUNTERSIGN_PUBLIC_URL",
    flag: "--public-url <url>",
    default: "http://<host>:<port>",
    meaning: "URL at which clients reach the public listener",
    parse: (text) => (text === undefined ? undefined : parsePublicUrl(text)),
  }),
  adminUrl: setting({
    variable: "COUNTERSIGN_ADMIN_URL",
    flag: "--admin-url <url>",
    default: "http://<admin-host>:<admin-port>",
    meaning:
      "URL at which operators' browsers reach the internal listener; passkeys need a host name, not an IP address",
    parse: (text) => (text === undefined ? undefined : parsePublicUrl(text)),
  }),
  adminNames: setting({
    variable: "COUNTERSIGN_ADMIN_NAMES",
    flag: "--admin-names <names>",
    default: "none",
    meaning:
      "host names by which Prometheus may request /metrics, separated by commas; IP addresses, localhost and the host of COUNTERSIGN_ADMIN_URL always work",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseNames(text)),
  }),
  oidcIssuer: setting({
    variable: "COUNTERSIGN_OIDC_ISSUER",
    flag: "--oidc-issuer <url>",
    default: "none: operators sign in with a password or passkey",
    meaning: "OpenID provider through which operators sign in",
    parse: (text) => (text === undefined ? undefined : parseIssuer(text)),
  }),
  oidcClientId: setting({
    variable: "COUNTERSIGN_OIDC_CLIENT_ID",
    flag: "--oidc-client-id <id>",
    default: "none",
    meaning:
      "this service's client id at the provider; its redirect URI is COUNTERSIGN_ADMIN_URL + /api/admin/v1/sign-in/single-sign-on/callback",
    parse: (text) => text,
  }),
  oidcClientSecret: setting({
    variable: "COUNTERSIGN_OIDC_CLIENT_SECRET",
    default: "none",
    meaning: "this service's client secret at the provider",
    secret: true,
    parse: (text) => text,
  }),
  oidcScope: setting({
    variable: "COUNTERSIGN_OIDC_SCOPE",
    flag: "--oidc-scope <scope>",
    default: "openid email",
    meaning: "OAuth scopes to request, separated by spaces; must include openid",
    isList: true,
    parse: (text = "openid email") => parseScope(text),
  }),
  oidcGroupsClaim: setting({
    variable: "COUNTERSIGN_OIDC_GROUPS_CLAIM",
    flag: "--oidc-groups-claim <name>",
    default: "groups",
    meaning: "claim that lists an operator's groups, in the ID token or the user info response",
    parse: (text = "groups") => text,
  }),
  oidcRoles: setting({
    variable: "COUNTERSIGN_OIDC_ROLES",
    flag: "--oidc-roles <mapping>",
    default: "none",
    meaning:
      "roles by group, separated by commas: <group>=<role> or <group>=<role>@<account>; the highest role wins; an operator without a listed group can't sign in",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseRoles(text)),
  }),
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
  workers: setting({
    variable: "COUNTERSIGN_WORKERS",
    flag: "--workers <number>",
    default: "1",
    meaning: "number of processes that serve; auto: one for each core",
    parse: (text = "1") => (text === "auto" ? availableParallelism() : parseInteger(text, 1, 256)),
  }),
  trustedProxies: setting({
    variable: "COUNTERSIGN_TRUSTED_PROXIES",
    flag: "--trusted-proxies <addresses>",
    default: "none",
    meaning: "addresses or networks, separated by commas, whose X-Forwarded-* headers are trusted",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseProxies(text)),
  }),
  webhookNetworks: setting({
    variable: "COUNTERSIGN_WEBHOOK_NETWORKS",
    flag: "--webhook-networks <addresses>",
    default: "none",
    meaning:
      "addresses or networks, separated by commas, to which webhooks may be sent although they are private or reserved, and also without TLS",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseNetworkList(text)),
  }),
  keyBlocklist: setting({
    variable: "COUNTERSIGN_KEY_BLOCKLIST",
    flag: "--key-blocklist <files>",
    default: "none",
    meaning:
      "files in badkeys' format, separated by commas, of public keys that are refused, besides the list that ships with the service",
    isList: true,
    parse: (text) => (text === undefined ? [] : parsePaths(text)),
  }),
  // Not keyAgeMax: an account has a flag of that name, and a command's flags are read as settings, too.
  maxKeyAge: setting({
    variable: "COUNTERSIGN_KEY_AGE_MAX",
    flag: "--max-key-age <duration>",
    default: "none",
    meaning:
      "maximum age of clients' keys, such as 365d: a key that is added without an expiry gets this one, and a later expiry is refused; an account can have a shorter one; keys that are registered already keep their expiry",
    duration: true,
    parse: (text) => (text === undefined ? undefined : parseBoundedDuration(text, "1h", "7300d")),
  }),
  weakKeys: setting({
    variable: "COUNTERSIGN_WEAK_KEYS",
    flag: "--weak-keys <action>",
    default: "report",
    meaning:
      "what the daily audit of stored keys and countersign key audit do with a weak key: report it, or deactivate it, too, so that it can't be activated",
    parse: (text = "report") => parseChoice(text, WEAK_KEY_POLICIES),
  }),
  refusalLimit: setting({
    variable: "COUNTERSIGN_REFUSAL_LIMIT",
    flag: "--refusal-limit <number>",
    default: "600",
    meaning:
      "refused requests per minute and client address before the service answers 429, and as many nonces for proofs of possession; 0: no limit",
    parse: (text = "600") => parseInteger(text, 0, 1_000_000_000),
  }),
  keyProof: setting({
    variable: "COUNTERSIGN_KEY_PROOF",
    flag: "--key-proof <policy>",
    default: "optional",
    meaning:
      "whether a new public key must come with a proof that its sender holds the private key: optional or required; a proof that is given is always checked",
    parse: (text = "optional") => parseChoice<KeyProofPolicy>(text, ["optional", "required"]),
  }),
  connectionsMax: setting({
    variable: "COUNTERSIGN_CONNECTIONS_MAX",
    flag: "--connections-max <number>",
    default: "16384, or fewer if the limit of open files requires it",
    meaning:
      "maximum concurrent connections to the public listener for each process; at the maximum, idle ones are closed",
    parse: (text) => (text === undefined ? undefined : parseInteger(text, 1, 1_000_000)),
  }),
  connectionsPerAddressMax: setting({
    variable: "COUNTERSIGN_CONNECTIONS_PER_ADDRESS_MAX",
    flag: "--connections-per-address-max <number>",
    default: "half of COUNTERSIGN_CONNECTIONS_MAX",
    meaning: "maximum of these from one client address or IPv6 network (/64); trusted proxies have no such limit",
    parse: (text) => (text === undefined ? undefined : parseInteger(text, 1, 1_000_000)),
  }),
  keepAlive: setting({
    variable: "COUNTERSIGN_KEEP_ALIVE",
    flag: "--keep-alive <duration>",
    default: "75s",
    meaning: "how long an idle connection is kept; must be longer than the load balancer in front keeps its own",
    duration: true,
    parse: (text = "75s") => parseBoundedDuration(text, "1s", "24h"),
  }),
  drainDelay: setting({
    variable: "COUNTERSIGN_DRAIN_DELAY",
    flag: "--drain-delay <duration>",
    default: "1s",
    meaning: "how long the service still answers after SIGTERM, but reports not ready, before it stops listening",
    duration: true,
    parse: (text = "1s") => parseBoundedDuration(text, "0s", "10m"),
  }),
  logLevel: setting({
    variable: "COUNTERSIGN_LOG_LEVEL",
    flag: "--log-level <level>",
    default: "info",
    meaning: "trace, debug, info, warn, error, fatal or silent",
    parse: (text = "info") => parseChoice(text, ["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;

/** The effective configuration. */
export type Config = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]["parse"]> };

/** Settings given as flags, as text. */
export type Flags = { readonly [Name in SettingName]?: string | undefined };

/**
 * Reads flags and environment. Variables that a platform made are ignored; see {@link findPlatformVariables}.
 *
 * @throws {ConfigError} for a malformed value, an unknown `COUNTERSIGN_…` variable, a value given twice, or a file that this
 *   process can't read or other users can
 */
export function parseConfig(given: Readonly<Record<string, string | undefined>>, flags: Flags = {}): Config {
  const platformMade = new Set(findPlatformVariables(given));
  const environment = Object.fromEntries(Object.entries(given).filter(([name]) => !platformMade.has(name)));
  refuseUnknownVariables(environment);
  const parseOne = <Value>(name: SettingName, definition: Setting<Value>, access: SecretFileAccess): Value => {
    const found = findText(environment, flags[name], definition, access);
    try {
      return parseText(found?.text, definition);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new ConfigError(`${found?.source ?? definition.variable}: ${error.message}`);
    }
  };
  // Parsed first: it decides which files the other settings may be read from.
  const access = parseOne("secretFileAccess", SETTINGS.secretFileAccess, "owner");
  const parsed = Object.entries(SETTINGS as Record<string, Setting<unknown>>).map(([name, definition]) => [
    name,
    parseOne(name as SettingName, definition, access),
  ]);
  const config = Object.fromEntries(parsed) as Config;
  requireWholeOidc(config);
  return config;
}

function parseText<Value>(text: string | undefined, { parse, isList }: Setting<Value>): Value {
  if (text === undefined) return parse(text);
  if (text === "") throw new Problem("is empty; give a value or leave it out");
  const problem = findTextProblem(text, isList);
  try {
    const value = parse(text);
    if (problem === undefined) return value;
  } catch (error) {
    if (problem === undefined || !(error instanceof Problem)) throw error;
    throw new Problem(`${error.message}; ${problem}`);
  }
  throw new Problem(problem);
}

/** A one-line warning about a password on the command line; `undefined` if there is none. */
export function passwordNotice({ databaseUrl }: Flags): string | undefined {
  if (databaseUrl === undefined || !holdsPassword(databaseUrl)) return undefined;
  const { variable } = SETTINGS.databaseUrl;
  return `--database-url holds a password, which every user of this machine can read in the process list; use ${variable} or ${variable}_FILE`;
}

/** A one-line warning about ignored variables; `undefined` if there are none. */
export function platformNotice(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const names = findPlatformVariables(environment);
  if (names.length === 0) return undefined;
  return `variables that Kubernetes or Docker made for a service of this name are ignored: ${names.join(", ")}; to avoid them, set enableServiceLinks: false in the pod's specification`;
}

/** Requires that the settings of single sign-on are either all given or all missing. */
function requireWholeOidc({ oidcIssuer, oidcClientId, oidcClientSecret, oidcRoles }: Config): void {
  const { oidcIssuer: issuer, oidcClientId: id, oidcClientSecret: secret, oidcRoles: roles } = SETTINGS;
  const given = [
    { variable: issuer.variable, isGiven: oidcIssuer !== undefined },
    { variable: id.variable, isGiven: oidcClientId !== undefined },
    { variable: secret.variable, isGiven: oidcClientSecret !== undefined },
    { variable: roles.variable, isGiven: oidcRoles.length > 0 },
  ];
  const present = given.find(({ isGiven }) => isGiven);
  const missing = given.find(({ isGiven }) => !isGiven);
  if (present !== undefined && missing !== undefined) {
    throw new ConfigError(`${missing.variable}: is missing; single sign-on needs it, since ${present.variable} is set`);
  }
}

interface GivenText {
  readonly text: string;
  /** What to name in an error: the flag, the variable, or the variable that names the file. */
  readonly source: string;
}

function findText(
  environment: Readonly<Record<string, string | undefined>>,
  flagText: string | undefined,
  { variable, flag, secret }: Setting<unknown>,
  access: SecretFileAccess,
): GivenText | undefined {
  if (flagText !== undefined) return { text: flagText, source: flag?.split(" ")[0] ?? variable };
  const text = environment[variable];
  const fileVariable = `${variable}_FILE`;
  const file = secret === true ? environment[fileVariable] : undefined;
  if (file === undefined) return text === undefined ? undefined : { text, source: variable };
  if (text !== undefined) throw new ConfigError(`${fileVariable}: ${variable} is set as well; set one of the two`);
  return { text: readFile(fileVariable, file, access), source: fileVariable };
}

function readFile(variable: string, file: string, access: SecretFileAccess): string {
  try {
    const path = parsePath(file);
    const problem = findTextProblem(file);
    if (problem !== undefined) throw new Problem(problem);
    return readSecretFile(path, access, access === "group");
  } catch (error) {
    if (error instanceof Problem) throw new ConfigError(`${variable}: ${error.message}`);
    if (error instanceof SecretFileError) {
      throw new ConfigError(
        `${variable}: the file ${error.message}${error.isUnreadable ? "; name a readable file" : ""}`,
      );
    }
    throw error;
  }
}

/** Names of this repository's tests: set in the environment of a whole CI run, and no settings. */
const TEST_VARIABLES: readonly string[] = ["COUNTERSIGN_TEST_VECTORS"];

function refuseUnknownVariables(environment: Readonly<Record<string, string | undefined>>): void {
  const known = Object.values(SETTINGS as Record<string, Setting<unknown>>).flatMap(({ variable, secret }) =>
    secret === true ? [variable, `${variable}_FILE`] : [variable],
  );
  for (const name of Object.keys(environment)) {
    if (name.startsWith("COUNTERSIGN_") && !known.includes(name) && !TEST_VARIABLES.includes(name)) {
      const origin = hasPlatformName(name)
        ? " (Kubernetes makes variables with such names for a Service unless the pod sets enableServiceLinks: false, but this value doesn't look like one of them)"
        : "";
      throw new ConfigError(`${name}: no such variable${origin}; known are ${known.join(", ")}`);
    }
  }
}
