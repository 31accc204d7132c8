/**
 * Recognizes variables with the addresses of services, which platforms set in every container: Kubernetes for each Service of the
 * namespace ("service links"), Docker for each `--link`. A Service named "countersign" causes variables that begin with our
 * prefix, and one has the name of a setting: `COUNTERSIGN_PORT=tcp://10.43.0.18:8080`.
 */
import { isIP } from "node:net";

const isPort = (value: string) => /^[0-9]{1,5}$/.test(value);
const isAddress = (value: string) => isIP(value) !== 0;
const isEndpoint = (value: string) => /^(?:tcp|udp|sctp):\/\/[0-9A-Za-z.:[\]-]+:[0-9]{1,5}$/.test(value);

/** The end of each variable's name, after the service's name, and the form of its value. */
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

/** A variable of the linked container, which Docker passes on under the link's name. It can have any value. */
const DOCKER_VARIABLE = /^(COUNTERSIGN[A-Z0-9_]*?)_ENV_[A-Za-z0-9_]+$/;

/**
 * The names of the `COUNTERSIGN_…` variables that a platform made, recognized by the form of both name and value. They aren't
 * settings, even if a setting has the same name.
 */
export function findPlatformVariables(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(environment).flatMap(([name, value = ""]) =>
    name.startsWith("COUNTERSIGN_") && isPlatformVariable(name, value, environment) ? [name] : [],
  );
}

/** Does the name, whatever the value, have the form of a platform's variable? If so, the refusal explains where it comes from. */
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
