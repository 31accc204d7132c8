/**
 * What a setting's text must look like, one function for each kind of value. Each throws a {@link Problem} that says what is
 * allowed and never repeats a secret.
 */
import { isIP } from "node:net";
import { compile as compileProxies } from "@fastify/proxy-addr";
import { ROLES } from "@countersign/protocol";
import type { RoleMapping } from "../core/operators/single-sign-on.ts";
import { findMasterSecretProblem } from "../core/signing-keys/master-secret.ts";
import { MASTER_SECRET_BYTES } from "../core/signing-keys/signing-keys.ts";
import { LOOPBACK_HOSTS } from "../platform/loopback.ts";
import { Problem } from "./config-error.ts";
import { DURATION_FORM, parseDurationMs } from "./duration.ts";

/** An IP address or a host name, without scheme and port. */
export function parseHost(text: string): string {
  if (isIP(text) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)) {
    throw new Problem("an IP address or host name is needed, without scheme and port");
  }
  return text;
}

/** Host names, joined by commas. @returns them in lower case, as a URL has them */
export function parseNames(text: string): readonly string[] {
  return text.split(",").map((part, index) => {
    const name = part.trim().toLowerCase();
    if (!/^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name)) {
      throw new Problem(`entry ${index + 1} isn't a host name; names without scheme and port are needed`);
    }
    return name;
  });
}

/** Decimal digits only; both bounds are allowed. */
export function parseInteger(text: string, min: number, max: number): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new Problem(`a whole number from ${min} to ${max} is needed`);
  return value;
}

/** A duration such as `5s`; both bounds are allowed. @returns milliseconds */
export function parseBoundedDuration(text: string, min: string, max: string): number {
  const value = parseDurationMs(text);
  if (value === undefined || value < (parseDurationMs(min) ?? 0) || value > (parseDurationMs(max) ?? 0)) {
    throw new Problem(`a duration from ${min} to ${max} is needed: ${DURATION_FORM}`);
  }
  return value;
}

/** A URL with `http:` or `https:`, and nothing behind its path. @returns it without a slash at its end */
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

/** An OpenID provider's issuer, as the provider writes it itself: it is compared letter by letter (OpenID Connect Core 1.0 §2). */
export function parseIssuer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK_HOSTS.includes(url.hostname));
  if (url === undefined || !isSecure) throw new Problem("a URL that begins with https:// is needed");
  if (url.username !== "" || url.password !== "" || /[?#]/.test(text)) {
    throw new Problem("the URL must not hold a user name, a password, a query or a fragment");
  }
  return text;
}

/** OAuth scopes (RFC 6749 §3.3), `openid` among them. */
export function parseScope(text: string): string {
  const scopes = text.trim().split(/ +/);
  if (!scopes.includes("openid")) throw new Problem('scopes joined by blanks are needed, "openid" among them');
  return scopes.join(" ");
}

/** Roles by group. Group names may hold anything but a comma and a semicolon; what follows the last "=" is the role. */
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

/** Base64 of exactly 32 bytes each, newest first. */
export function parseMasterSecrets(text: string): readonly Buffer[] {
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
    const problem = findMasterSecretProblem(secret);
    if (problem !== undefined) throw new Problem(`entry ${index + 1} ${problem}`);
    return secret;
  });
}

/** IP addresses and networks in CIDR form. */
export function parseProxies(text: string): readonly string[] {
  const proxies = text.split(",").map((proxy) => proxy.trim());
  try {
    compileProxies(proxies);
  } catch {
    throw new Problem("IP addresses or networks such as 10.0.0.0/8 are needed, joined by commas");
  }
  return proxies;
}

/** One of a few words. */
export function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((allowed) => allowed === text);
  if (choice === undefined) throw new Problem(`one of ${choices.join(", ")} is needed`);
  return choice;
}
