/**
 * Variables that a platform makes for the addresses of its services, in every container: Kubernetes for each Service of the
 * namespace ("service links"), Docker for each `--link`. A Service named "countersign", or "countersign-admin", makes some that
 * begin with our prefix, and one of them has the very name of a setting: `COUNTERSIGN_PORT=tcp://10.43.0.18:8080`.
 */
import { isIP } from "node:net";

const isPort = (value: string) => /^[0-9]{1,5}$/.test(value);
const isAddress = (value: string) => isIP(value) !== 0;
const isEndpoint = (value: string) => /^(?:tcp|udp|sctp):\/\/[0-9A-Za-z.:[\]-]+:[0-9]{1,5}$/.test(value);

/** What follows the service's name, and the form of the value. */
const FORMS: readonly (readonly [RegExp, (value: string) => boolean])[] = [
  [/_SERVICE_HOST$/, isAddress],
  [/_SERVICE_PORT(?:_[A-Z0-9_]+)?$/, isPort],
  [/_PORT$/, isEndpoint],
  [/_PORT_[0-9]+_(?:TCP|UDP|SCTP)$/, isEndpoint],
  [/_PORT_[0-9]+_(?:TCP|UDP|SCTP)_(?:START|END)$/, isEndpoint],
  [/_PORT_[0-9]+_(?:TCP|UDP|SCTP)_PROTO$/, (value) => /^(?:tcp|udp|sctp)$/.test(value)],
  [/_PORT_[0-9]+_(?:TCP|UDP|SCTP)_PORT(?:_START|_END)?$/, isPort],
  [/_PORT_[0-9]+_(?:TCP|UDP|SCTP)_ADDR$/, isAddress],
  // Docker: "/this-container/its-alias-of-the-other".
  [/_NAME$/, (value) => /^\/[^/\s]+\/[^/\s]+$/.test(value)],
];

/** A variable of the other container that Docker passes on under the link's name, whatever its value is. */
const DOCKER_VARIABLE = /^(COUNTERSIGN[A-Z0-9_]*?)_ENV_[A-Za-z0-9_]+$/;

/**
 * The names of variables that begin with `COUNTERSIGN_` and that a platform made: both name and value have the form of one.
 * They aren't settings, even where a setting has the same name.
 */
export function findPlatformVariables(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(environment).flatMap(([name, value = ""]) =>
    name.startsWith("COUNTERSIGN_") && isPlatformVariable(name, value, environment) ? [name] : [],
  );
}

/** Has the name alone the form of a platform's variable? Then a refusal says where such a name comes from. */
export function hasPlatformName(name: string): boolean {
  return DOCKER_VARIABLE.test(name) || FORMS.some(([form]) => form.test(name));
}

function isPlatformVariable(
  name: string,
  value: string,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  if (FORMS.some(([form, isValue]) => form.test(name) && isValue(value))) return true;
  const [, link] = DOCKER_VARIABLE.exec(name) ?? [];
  const linkName = link === undefined ? undefined : environment[`${link}_NAME`];
  return linkName !== undefined && isPlatformVariable(`${link}_NAME`, linkName, {});
}
