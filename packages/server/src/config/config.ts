/**
 * Configuration: one table of settings, from which the type, the flags, the variables and the documentation follow.
 *
 * Flags win over environment variables, which win over defaults. Everything is parsed and checked before anything starts.
 */
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { compile as compileProxies } from "@fastify/proxy-addr";
import { ROLES } from "@countersign/protocol";
import type { RoleMapping } from "../core/operators/single-sign-on.ts";
import { MASTER_SECRET_BYTES } from "../core/token/signing-keys.ts";
import { errorCode } from "../platform/error-code.ts";
import { LOOPBACK_HOSTS } from "../platform/loopback.ts";
import { DURATION_FORM, parseDurationMs } from "./duration.ts";

/**
 * A setting that is missing, malformed or out of bounds. The message is one line: the variable, the problem and what is
 * allowed. It never holds a secret's value.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** A value's problem; {@link parseConfig} puts the setting's name before it. */
class Problem extends ConfigError {}

interface Setting<Value> {
  readonly variable: string;
  /** As commander writes it; a setting without a flag is a secret that must not appear among a process's arguments. */
  readonly flag?: string;
  readonly meaning: string;
  /** As the documentation shows it. */
  readonly default: string;
  /** A secret's value may come from the file that `NAME_FILE` names. */
  readonly secret?: true;
  /** The value is a duration, in milliseconds. */
  readonly duration?: true;
  /** Gets `undefined` where the setting isn't given. */
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
    meaning: "how clients reach the public listener",
    parse: (text) => (text === undefined ? undefined : parsePublicUrl(text)),
  }),
  adminUrl: setting({
    variable: "COUNTERSIGN_ADMIN_URL",
    flag: "--admin-url <url>",
    default: "http://<admin-host>:<admin-port>",
    meaning: "how operators' browsers reach the internal listener; passkeys need a host name here, not an IP address",
    parse: (text) => (text === undefined ? undefined : parsePublicUrl(text)),
  }),
  adminNames: setting({
    variable: "COUNTERSIGN_ADMIN_NAMES",
    flag: "--admin-names <names>",
    default: "none",
    meaning:
      "host names by which Prometheus may ask for /metrics, joined by commas; IP addresses, localhost and the host of COUNTERSIGN_ADMIN_URL always work",
    parse: (text) => (text === undefined ? [] : parseNames(text)),
  }),
  oidcIssuer: setting({
    variable: "COUNTERSIGN_OIDC_ISSUER",
    flag: "--oidc-issuer <url>",
    default: "none: operators sign in here",
    meaning: "OpenID provider through which operators sign in",
    parse: (text) => (text === undefined ? undefined : parseIssuer(text)),
  }),
  oidcClientId: setting({
    variable: "COUNTERSIGN_OIDC_CLIENT_ID",
    flag: "--oidc-client-id <id>",
    default: "none",
    meaning:
      "this service's client id there; its redirect URI is COUNTERSIGN_ADMIN_URL + /api/admin/v1/sign-in/single-sign-on/callback",
    parse: (text) => text,
  }),
  oidcClientSecret: setting({
    variable: "COUNTERSIGN_OIDC_CLIENT_SECRET",
    default: "none",
    meaning: "its client secret there",
    secret: true,
    parse: (text) => text,
  }),
  oidcScope: setting({
    variable: "COUNTERSIGN_OIDC_SCOPE",
    flag: "--oidc-scope <scope>",
    default: "openid email",
    meaning: "what is asked for, joined by blanks; openid has to be there",
    parse: (text = "openid email") => parseScope(text),
  }),
  oidcGroupsClaim: setting({
    variable: "COUNTERSIGN_OIDC_GROUPS_CLAIM",
    flag: "--oidc-groups-claim <name>",
    default: "groups",
    meaning: "claim that lists somebody's groups, in the ID token or in user info",
    parse: (text = "groups") => text,
  }),
  oidcRoles: setting({
    variable: "COUNTERSIGN_OIDC_ROLES",
    flag: "--oidc-roles <mapping>",
    default: "none",
    meaning:
      "roles by group, joined by commas: <group>=<role> or <group>=<role>@<account>; the highest wins; none: no sign-in",
    parse: (text) => (text === undefined ? [] : parseRoles(text)),
  }),
  dataDir: setting({
    variable: "COUNTERSIGN_DATA_DIR",
    flag: "--data-dir <folder>",
    default: "./data",
    meaning: "folder of the SQLite file countersign.db and of master.key",
    parse: (text = "./data") => parsePath(text),
  }),
  databaseUrl: setting({
    variable: "COUNTERSIGN_DATABASE_URL",
    flag: "--database-url <url>",
    default: "none: SQLite",
    meaning: "postgres://user:password@host/database: the store of several nodes",
    secret: true,
    parse: (text) => (text === undefined ? undefined : parseDatabaseUrl(text)),
  }),
  databaseListenUrl: setting({
    variable: "COUNTERSIGN_DATABASE_LISTEN_URL",
    default: "COUNTERSIGN_DATABASE_URL",
    meaning: "where to LISTEN, past a pooler in transaction mode; without it changes are looked for every 50 ms there",
    secret: true,
    parse: (text) => (text === undefined ? undefined : parseDatabaseUrl(text)),
  }),
  databaseConnections: setting({
    variable: "COUNTERSIGN_DATABASE_CONNECTIONS",
    flag: "--database-connections <number>",
    default: "10",
    meaning: "connections to PostgreSQL at most, for each process, besides the listening one",
    parse: (text = "10") => parseInteger(text, 2, 1000),
  }),
  masterSecrets: setting({
    variable: "COUNTERSIGN_MASTER_SECRET",
    default: "master.key in the data folder, made on the first start",
    meaning: "32 bytes in base64, from which the signing keys derive; several, newest first, joined by commas",
    secret: true,
    parse: (text) => (text === undefined ? undefined : parseMasterSecrets(text)),
  }),
  workers: setting({
    variable: "COUNTERSIGN_WORKERS",
    flag: "--workers <number>",
    default: "1",
    meaning: "processes that serve; auto is one a core",
    parse: (text = "1") => (text === "auto" ? availableParallelism() : parseInteger(text, 1, 256)),
  }),
  trustedProxies: setting({
    variable: "COUNTERSIGN_TRUSTED_PROXIES",
    flag: "--trusted-proxies <addresses>",
    default: "none",
    meaning: "addresses or networks, joined by commas, whose X-Forwarded-* headers are believed",
    parse: (text) => (text === undefined ? [] : parseProxies(text)),
  }),
  refusalLimit: setting({
    variable: "COUNTERSIGN_REFUSAL_LIMIT",
    flag: "--refusal-limit <number>",
    default: "600",
    meaning: "refused requests a minute and client address before 429; 0: no limit",
    parse: (text = "600") => parseInteger(text, 0, 1_000_000_000),
  }),
  connectionsMax: setting({
    variable: "COUNTERSIGN_CONNECTIONS_MAX",
    flag: "--connections-max <number>",
    default: "10000, or what the limit of open files allows",
    meaning: "connections to the public listener at once, for each process; beyond it idle ones make way",
    parse: (text) => (text === undefined ? undefined : parseInteger(text, 1, 1_000_000)),
  }),
  connectionsPerAddressMax: setting({
    variable: "COUNTERSIGN_CONNECTIONS_PER_ADDRESS_MAX",
    flag: "--connections-per-address-max <number>",
    default: "half of COUNTERSIGN_CONNECTIONS_MAX",
    meaning: "of these, from one client address, or one IPv6 network (/64); trusted proxies have no such limit",
    parse: (text) => (text === undefined ? undefined : parseInteger(text, 1, 1_000_000)),
  }),
  keepAlive: setting({
    variable: "COUNTERSIGN_KEEP_ALIVE",
    flag: "--keep-alive <duration>",
    default: "75s",
    meaning: "how long an idle connection is kept; longer than the load balancer in front keeps its own",
    duration: true,
    parse: (text = "75s") => parseBoundedDuration(text, "1s", "24h"),
  }),
  drainDelay: setting({
    variable: "COUNTERSIGN_DRAIN_DELAY",
    flag: "--drain-delay <duration>",
    default: "1s",
    meaning: "how long the service still answers after SIGTERM, not ready, before it stops listening",
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
 * Reads flags and environment.
 *
 * @throws {ConfigError} for a malformed value, an unknown `COUNTERSIGN_…` variable, a value given twice, or a file that
 *   can't be read
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>, flags: Flags = {}): Config {
  refuseUnknownVariables(environment);
  const parsed: Partial<Record<SettingName, unknown>> = {};
  for (const [name, definition] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const given = findText(environment, flags[name], definition);
    try {
      if (given?.text === "") throw new Problem("is empty; give a value or leave it out");
      parsed[name] = definition.parse(given?.text);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new ConfigError(`${given?.source ?? definition.variable}: ${error.message}`);
    }
  }
  const config = parsed as Config;
  requireWholeOidc(config);
  return config;
}

/** The settings of single sign-on are there together, or none of them is. */
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
): GivenText | undefined {
  if (flagText !== undefined) return { text: flagText, source: flag?.split(" ")[0] ?? variable };
  const text = environment[variable];
  const fileVariable = `${variable}_FILE`;
  const file = secret === true ? environment[fileVariable] : undefined;
  if (file === undefined) return text === undefined ? undefined : { text, source: variable };
  if (text !== undefined) throw new ConfigError(`${fileVariable}: ${variable} is set as well; set one of the two`);
  return { text: readSecretFile(fileVariable, file), source: fileVariable };
}

function readSecretFile(variable: string, file: string): string {
  try {
    if (statSync(file).size > 65_536) throw new ConfigError(`${variable}: the file is larger than 64 KiB`);
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${variable}: the file can't be read (${errorCode(error)}); name a readable file`);
  }
}

function refuseUnknownVariables(environment: Readonly<Record<string, string | undefined>>): void {
  const known = Object.values(SETTINGS as Record<string, Setting<unknown>>).flatMap(({ variable, secret }) =>
    secret === true ? [variable, `${variable}_FILE`] : [variable],
  );
  for (const name of Object.keys(environment)) {
    if (name.startsWith("COUNTERSIGN_") && !known.includes(name)) {
      throw new ConfigError(`${name}: no such variable; known are ${known.join(", ")}`);
    }
  }
}

function parseHost(text: string): string {
  if (isIP(text) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)) {
    throw new Problem("an IP address or host name is needed, without scheme and port");
  }
  return text;
}

/** @returns the names in lower case, as a URL has them */
function parseNames(text: string): readonly string[] {
  return text.split(",").map((part, index) => {
    const name = part.trim().toLowerCase();
    if (!/^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name)) {
      throw new Problem(`entry ${index + 1} isn't a host name; names without scheme and port are needed`);
    }
    return name;
  });
}

function parseInteger(text: string, min: number, max: number): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new Problem(`a whole number from ${min} to ${max} is needed`);
  return value;
}

/** @returns milliseconds */
function parseBoundedDuration(text: string, min: string, max: string): number {
  const value = parseDurationMs(text);
  if (value === undefined || value < (parseDurationMs(min) ?? 0) || value > (parseDurationMs(max) ?? 0)) {
    throw new Problem(`a duration from ${min} to ${max} is needed: ${DURATION_FORM}`);
  }
  return value;
}

/** @returns the URL without a slash at its end */
function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new Problem("a URL that begins with http:// or https:// is needed");
  }
  if (url.username !== "" || url.password !== "" || /[?#]/.test(url.href)) {
    throw new Problem("the URL must not hold a user name, a password, a query or a fragment");
  }
  return url.href.replace(/\/+$/, "");
}

/** As the provider writes it itself: it is compared letter by letter (OpenID Connect Core 1.0 §2). */
function parseIssuer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK_HOSTS.includes(url.hostname));
  if (url === undefined || !isSecure) throw new Problem("a URL that begins with https:// is needed");
  if (url.username !== "" || url.password !== "" || /[?#]/.test(text)) {
    throw new Problem("the URL must not hold a user name, a password, a query or a fragment");
  }
  return text;
}

function parseScope(text: string): string {
  const scopes = text.trim().split(/ +/);
  if (!scopes.includes("openid")) throw new Problem('scopes joined by blanks are needed, "openid" among them');
  return scopes.join(" ");
}

/** Group names may hold anything but a comma and a semicolon; what follows the last "=" is the role. */
function parseRoles(text: string): readonly RoleMapping[] {
  return text.split(",").map((part, index) => {
    const [, group = "", role, account = null] =
      /^([^;]+)=([a-z]+)(?:@([a-z0-9][a-z0-9._-]{0,62}))?$/.exec(part.trim()) ?? [];
    const known = ROLES.find((name) => name === role);
    if (known === undefined || group.trim() === "") {
      throw new Problem(
        `entry ${index + 1} isn't <group>=<role> or <group>=<role>@<account>; roles are ${ROLES.join(", ")}`,
      );
    }
    return { group: group.trim(), role: known, account };
  });
}

/**
 * Checks what a mistake would otherwise show only later, and in other words.
 *
 * @throws {ConfigError} which never repeats the URL
 */
export function parseDatabaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Not repeated in the message, whatever it is: it may hold a password.
  if (url === undefined || (url.protocol !== "postgres:" && url.protocol !== "postgresql:")) {
    throw new Problem("a URL that begins with postgres:// or postgresql:// is needed");
  }
  if (url.hostname === "" && !url.searchParams.has("host")) throw new Problem("the URL names no host");
  if (url.pathname.length < 2) throw new Problem("the URL names no database; put /<database> behind the host");
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !SSL_MODES.includes(mode)) throw new Problem(`sslmode must be one of ${SSL_MODES.join(", ")}`);
  return text;
}

const SSL_MODES: readonly string[] = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"];

function parsePath(text: string): string {
  if (text.includes("\0")) throw new Problem("a path can't hold a NUL character");
  return text;
}

function parseMasterSecrets(text: string): readonly Buffer[] {
  return text.split(",").map((part, index) => {
    const secret = Buffer.from(part.trim(), "base64");
    // Exact, never cut to length: a secret that was mangled on its way must not silently become another one.
    const canonical = [
      secret.toString("base64"),
      secret.toString("base64").replace(/=+$/, ""),
      secret.toString("base64url"),
    ];
    if (!canonical.includes(part.trim()))
      throw new Problem(`entry ${index + 1} isn't base64; 32 bytes in base64 are needed`);
    if (secret.length !== MASTER_SECRET_BYTES) {
      throw new Problem(`${MASTER_SECRET_BYTES} bytes in base64 are needed; entry ${index + 1} has ${secret.length}`);
    }
    return secret;
  });
}

function parseProxies(text: string): readonly string[] {
  const proxies = text.split(",").map((proxy) => proxy.trim());
  try {
    compileProxies(proxies);
  } catch {
    throw new Problem("IP addresses or networks such as 10.0.0.0/8 are needed, joined by commas");
  }
  return proxies;
}

function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((allowed) => allowed === text);
  if (choice === undefined) throw new Problem(`one of ${choices.join(", ")} is needed`);
  return choice;
}
