/**
 * Configuration: one table of settings. The type, the flags, the variables and the documentation all derive from it.
 *
 * Flags win over environment variables, which win over defaults. Everything is parsed and checked before anything starts.
 */
import { socketPathOf } from "../platform/listener-url.ts";
import { readSecretFile, type SecretFileAccess, SecretFileError } from "../platform/secret-file.ts";
import { findTextProblem, parsePath } from "./check-text.ts";
import { ConfigError, Problem } from "./config-error.ts";
import { holdsPassword } from "./database-url.ts";
import { findPlatformVariables, hasPlatformName } from "./platform-variables.ts";
import { LISTENER_SETTINGS } from "./settings/listeners.ts";
import { TLS_SETTINGS } from "./settings/tls.ts";
import { SIGN_IN_SETTINGS } from "./settings/sign-in.ts";
import { STORE_SETTINGS } from "./settings/store.ts";
import { KEY_SETTINGS } from "./settings/keys.ts";
import { LIMIT_SETTINGS } from "./settings/limits.ts";
import { PROCESS_SETTINGS } from "./settings/process.ts";
import { REMOTE_SETTINGS } from "./settings/remote.ts";
import type { Setting } from "./settings/setting.ts";

export { ConfigError } from "./config-error.ts";

/** All settings, in the order in which the documentation lists them: that of {@link SETTING_GROUPS}. */
export const SETTINGS = {
  ...LISTENER_SETTINGS,
  ...TLS_SETTINGS,
  ...SIGN_IN_SETTINGS,
  ...STORE_SETTINGS,
  ...KEY_SETTINGS,
  ...LIMIT_SETTINGS,
  ...PROCESS_SETTINGS,
  ...REMOTE_SETTINGS,
} as const;

export type SettingName = keyof typeof SETTINGS;

/** The settings by subject, as the documentation and the console group them. Each setting is in one group. */
export const SETTING_GROUPS: readonly {
  readonly title: string;
  readonly settings: Readonly<Record<string, unknown>>;
}[] = [
  { title: "Listeners", settings: LISTENER_SETTINGS },
  { title: "TLS", settings: TLS_SETTINGS },
  { title: "Single sign-on", settings: SIGN_IN_SETTINGS },
  { title: "Store and secrets", settings: STORE_SETTINGS },
  { title: "Clients' keys", settings: KEY_SETTINGS },
  { title: "Limits", settings: LIMIT_SETTINGS },
  { title: "Process", settings: PROCESS_SETTINGS },
  { title: "Command line", settings: REMOTE_SETTINGS },
];

/** The effective configuration. */
export type Config = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]["parse"]> };

/** Settings given as flags, as text. */
export type Flags = { readonly [Name in SettingName]?: string | undefined };

/** A problem of the configuration. */
export interface ConfigProblem {
  readonly error: ConfigError;
  /** The setting that it concerns; `undefined` for an unknown variable or a combination of settings. */
  readonly setting: SettingName | undefined;
}

/** A configuration with everything that is wrong with it. A setting with a problem has its default. */
export interface ConfigReading {
  readonly config: Config;
  /** In the order in which {@link parseConfig} would refuse them. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * Reads flags and environment. Variables that a platform made are ignored; see {@link findPlatformVariables}.
 *
 * @throws {ConfigError} for a malformed value, an unknown `COUNTERSIGN_…` variable, a value given twice, or a file that this
 *   process can't read or other users can
 */
export function parseConfig(given: Readonly<Record<string, string | undefined>>, flags: Flags = {}): Config {
  const { config, problems } = readConfig(given, flags);
  if (problems[0] !== undefined) throw problems[0].error;
  return config;
}

/** Reads flags and environment as {@link parseConfig} does, and reports every problem instead of stopping at the first. */
export function readConfig(given: Readonly<Record<string, string | undefined>>, flags: Flags = {}): ConfigReading {
  const platformMade = new Set(findPlatformVariables(given));
  const environment = Object.fromEntries(Object.entries(given).filter(([name]) => !platformMade.has(name)));
  const problems: ConfigProblem[] = findUnknownVariables(environment).map((error) => ({ error, setting: undefined }));
  const parseOne = <Value>(name: SettingName, definition: Setting<Value>, access: SecretFileAccess): Value => {
    let source = definition.variable;
    try {
      const found = findText(environment, flags[name], definition, access);
      source = found?.source ?? source;
      return parseText(found?.text, definition);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const named = error instanceof Problem ? new ConfigError(`${source}: ${error.message}`) : error;
      problems.push({ error: named, setting: name });
      return definition.parse(undefined);
    }
  };
  // Parsed first: it decides which files the other settings may be read from.
  const access = parseOne("secretFileAccess", SETTINGS.secretFileAccess, "owner");
  const parsed = Object.entries(SETTINGS as Record<string, Setting<unknown>>).map(([name, definition]) => [
    name,
    name === "secretFileAccess" ? access : parseOne(name as SettingName, definition, access),
  ]);
  const config = Object.fromEntries(parsed) as Config;
  // A setting with a problem has its default, which says nothing about the others.
  if (problems.some(({ setting }) => setting !== undefined)) return { config, problems };
  for (const requireSound of [requireWholeOidc, requireTwoSockets, requireWholeTls]) {
    try {
      requireSound(config);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push({ error, setting: undefined });
    }
  }
  return { config, problems };
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

/** Requires that the two listeners don't share a Unix socket. */
function requireTwoSockets({ host, adminHost }: Config): void {
  if (socketPathOf(host) === undefined || host !== adminHost) return;
  throw new ConfigError(`${SETTINGS.adminHost.variable}: is the socket of ${SETTINGS.host.variable}; name another`);
}

/** Requires that a certificate comes with its key, client authorities with a certificate, and none of them with a Unix socket. */
function requireWholeTls(config: Config): void {
  const given = (name: SettingName) => config[name] !== undefined;
  for (const [host, cert, key] of [
    ["host", "tlsCertFile", "tlsKeyFile"],
    ["adminHost", "adminTlsCertFile", "adminTlsKeyFile"],
  ] as const) {
    const names = [SETTINGS[cert].variable, SETTINGS[key].variable] as const;
    if (given(cert) !== given(key)) {
      const [missing, present] = given(cert) ? names.toReversed() : names;
      throw new ConfigError(`${missing}: is missing; a certificate and its key are needed, and ${present} is set`);
    }
    if (given(cert) && socketPathOf(config[host]) !== undefined) {
      throw new ConfigError(
        `${names[0]}: a Unix socket takes no TLS; leave it out, or set ${SETTINGS[host].variable} to an address`,
      );
    }
  }
  if (given("tlsClientCaFile") && !given("tlsCertFile")) {
    const { tlsClientCaFile, tlsCertFile } = SETTINGS;
    throw new ConfigError(
      `${tlsCertFile.variable}: is missing; client certificates need TLS, and ${tlsClientCaFile.variable} is set`,
    );
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
  return { text: readFile(fileVariable, file, access, environment["CREDENTIALS_DIRECTORY"]), source: fileVariable };
}

function readFile(variable: string, file: string, access: SecretFileAccess, credentials: string | undefined): string {
  try {
    const path = parsePath(file);
    const problem = findTextProblem(file);
    if (problem !== undefined) throw new Problem(problem);
    return readSecretFile(path, access, access === "group", credentials);
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

function findUnknownVariables(environment: Readonly<Record<string, string | undefined>>): readonly ConfigError[] {
  const known = Object.values(SETTINGS as Record<string, Setting<unknown>>).flatMap(({ variable, secret }) =>
    secret === true ? [variable, `${variable}_FILE`] : [variable],
  );
  return Object.keys(environment)
    .filter((name) => name.startsWith("COUNTERSIGN_") && !known.includes(name) && !TEST_VARIABLES.includes(name))
    .map((name) => {
      const origin = hasPlatformName(name)
        ? " (Kubernetes makes variables with such names for a Service unless the pod sets enableServiceLinks: false, but this value doesn't look like one of them)"
        : "";
      return new ConfigError(`${name}: no such variable${origin}; known are ${known.join(", ")}`);
    });
}
