/**
 * Parsers for the values of settings, one for each kind. Each throws a {@link Problem} that says what is allowed and never
 * quotes a secret.
 */
import { isIP } from "node:net";
import { compile as compileProxies } from "@fastify/proxy-addr";
import { ROLES } from "@countersign/protocol";
import type { RoleMapping } from "../core/operators/single-sign-on.ts";
import { NETWORKS_MAX, parseNetworks } from "../core/networks.ts";
import { findMasterSecretProblem } from "../core/signing-keys/master-secret.ts";
import { MASTER_SECRET_BYTES } from "../core/signing-keys/signing-keys.ts";
import { socketPathOf, UNIX_PEER } from "../platform/listener-url.ts";
import { LOOPBACK_HOSTS } from "../platform/loopback.ts";
import { SOCKET_PATH_BYTES_MAX } from "../platform/unix-socket.ts";
import { parsePath } from "./check-text.ts";
import { Problem } from "./config-error.ts";
import { DURATION_FORM, parseDurationMs } from "./duration.ts";

/** Reads an IP address or a host name, without scheme and port. */
export function parseHost(text: string): string {
  if (isIP(text) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)) {
    throw new Problem("an IP address or host name is needed, without scheme and port");
  }
  return text;
}

/** Reads what a listener listens at: a host, or `unix:` and the absolute path of a socket. */
export function parseListenHost(text: string): string {
  const path = socketPathOf(text);
  if (path === undefined) return parseHost(text);
  if (!path.startsWith("/"))
    throw new Problem("unix: needs an absolute path, such as unix:/run/countersign/public.sock");
  if (path.startsWith("//"))
    throw new Problem("unix: is followed by one slash, as in unix:/run/countersign/public.sock");
  if (path.endsWith("/")) throw new Problem("unix: needs the path of a socket, not of a folder");
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new Problem(`the path of a socket has at most ${SOCKET_PATH_BYTES_MAX} bytes, and this one has ${bytes}`);
  }
  return `unix:${parsePath(path)}`;
}

/** Reads host names separated by commas. @returns them in lower case, as in a URL */
export function parseNames(text: string): readonly string[] {
  return text.split(",").map((part, index) => {
    const name = part.trim().toLowerCase();
    if (!/^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name)) {
      throw new Problem(`entry ${index + 1} isn't a host name without scheme and port`);
    }
    return name;
  });
}

/** Reads paths separated by commas. */
export function parsePaths(text: string): readonly string[] {
  return text.split(",").map((part, index) => {
    const path = parsePath(part.trim());
    if (path === "") throw new Problem(`entry ${index + 1} is empty`);
    return path;
  });
}

/** Reads an integer in decimal digits, `min` and `max` included. */
export function parseInteger(text: string, min: number, max: number): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new Problem(`a whole number from ${min} to ${max} is needed`);
  return value;
}

/** Reads a duration such as `5s`, `min` and `max` included. @returns milliseconds */
export function parseBoundedDuration(text: string, min: string, max: string): number {
  const value = parseDurationMs(text);
  if (value === undefined || value < (parseDurationMs(min) ?? 0) || value > (parseDurationMs(max) ?? 0)) {
    throw new Problem(`a duration from ${min} to ${max} is needed: ${DURATION_FORM}`);
  }
  return value;
}

/** Reads a URL with `http:` or `https:` and nothing after its path. @returns the URL without a trailing slash */
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new Problem("a URL that begins with http:// or https:// is needed");
  }
  if (url.username !== "" || url.password !== "" || /[?#]/.test(url.href)) {
    throw new Problem("the URL must not hold a user name, a password, a query or a fragment");
  }
  return url.href.replace(/\/+$/, "");
}

/** Reads an OpenID provider's issuer. It stays as written, because issuers are compared exactly (OpenID Connect Core 1.0 §2). */
export function parseIssuer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK_HOSTS.includes(url.hostname));
  if (url === undefined || !isSecure) throw new Problem("a URL that begins with https:// is needed");
  if (url.username !== "" || url.password !== "" || /[?#]/.test(text)) {
    throw new Problem("the URL must not hold a user name, a password, a query or a fragment");
  }
  return text;
}

/** Reads OAuth scopes (RFC 6749 §3.3), which must include `openid`. */
export function parseScope(text: string): string {
  const scopes = text.trim().split(/ +/);
  if (!scopes.includes("openid")) throw new Problem('scopes separated by spaces are needed, "openid" among them');
  return scopes.join(" ");
}

/** Reads roles by group. A group's name may hold anything but commas and semicolons; the role follows the last "=". */
export function parseRoles(text: string): readonly RoleMapping[] {
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

/** Reads master secrets, newest first, each exactly 32 bytes in base64. */
export function parseMasterSecrets(text: string): readonly Buffer[] {
  return text.split(",").map((part, index) => {
    const secret = Buffer.from(part.trim(), "base64");
    // Only canonical base64 of the exact length: a mangled secret must not silently become another one.
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
    const problem = findMasterSecretProblem(secret);
    if (problem !== undefined) throw new Problem(`entry ${index + 1} ${problem}`);
    return secret;
  });
}

/** Reads IP addresses, networks in CIDR form and `unix:`, separated by commas. */
export function parseProxies(text: string): readonly string[] {
  const proxies = text.split(",").map((proxy) => proxy.trim());
  try {
    compileProxies(proxies.filter((proxy) => proxy !== UNIX_PEER));
  } catch {
    throw new Problem(
      `IP addresses, networks such as 10.0.0.0/8, or ${UNIX_PEER} for programs that connect to a Unix socket, are needed, separated by commas`,
    );
  }
  return proxies;
}

/** Reads IP addresses and networks in CIDR form, separated by commas. @returns them in canonical form, as CIDRs */
export function parseNetworkList(text: string): readonly string[] {
  try {
    return parseNetworks(text.split(",").map((network) => network.trim()));
  } catch {
    throw new Problem(
      `at most ${NETWORKS_MAX} IP addresses, or networks such as 10.0.0.0/8 without bits beyond the prefix, are needed, separated by commas`,
    );
  }
}

/** Reads one of `choices`. */
export function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((allowed) => allowed === text);
  if (choice === undefined) throw new Problem(`one of ${choices.join(", ")} is needed`);
  return choice;
}
