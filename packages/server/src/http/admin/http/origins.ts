import { isIP } from "node:net";
import { LOOPBACK_HOSTS } from "../../../platform/loopback.ts";

/**
 * The addresses at which browsers may use the console. A change by a session's cookie must come from one of them. This keeps other
 * pages from acting in an operator's name (OWASP, Cross-Site Request Forgery Prevention, "Verifying Origin"), including pages
 * whose owner points a name at this listener (DNS rebinding).
 */
export interface Origins {
  /** The console's address, without a trailing slash. One-time links begin with it. */
  readonly consoleUrl: string;
  /** Is the session's cookie restricted to encrypted connections? */
  readonly isSecure: boolean;
  isAllowed(origin: string): boolean;
  /**
   * Is that origin the console's own, and not another one on the same machine? Without a configured address, every port of this
   * machine is allowed, and other programs serve pages there.
   *
   * @param host the request's `Host`
   */
  isConsole(origin: string, host: string | undefined): boolean;
  /**
   * The relying party's id for passkeys at that origin (WebAuthn §5.1.2): its host name. `undefined` where passkeys can't work:
   * at an origin that isn't allowed, or an IP address.
   */
  relyingPartyId(origin: string): string | undefined;
  /**
   * Is that a host by which this listener is meant to be reached: an IP address, a name of this machine, or a configured name? This
   * keeps other pages from what needs neither a session nor a token: a page whose owner points a name at this listener (DNS
   * rebinding) sends that name, and can't send an address.
   *
   * @param host the request's `Host`; browsers always send one, so a request without it comes from no browser
   */
  isKnownHost(host: string | undefined): boolean;
  /**
   * Distinguishes this console's cookies from those of others on the same machine, because cookies ignore ports: the port at which
   * the browser reached it and the path of the configured address, if any. Valid in a cookie's name (RFC 6265 §4.1.1).
   *
   * @param host the request's `Host`
   */
  cookieSuffix(host: string | undefined): string;
}

/** Parses a `Host` header; `undefined` if there is none, or it is malformed. */
function parseHost(host: string | undefined): URL | undefined {
  return host !== undefined && URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
}

/** The port in a `Host` header, empty for the scheme's default; `undefined` if there is no header, or it is malformed. */
function portOf(host: string | undefined): string | undefined {
  return parseHost(host)?.port;
}

/** Is a URL's host an IP address? The URL parser normalizes every spelling. */
function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || isIP(hostname) !== 0;
}

/**
 * @param adminUrl as configured. If it isn't, browsers reach the console on this machine, or through a tunnel to it: at any
 *   loopback name and port.
 * @param listenerUrl where the internal listener listens
 * @param names by which programs reach this listener, besides the hosts of both addresses; in lower case
 */
export function createOrigins(
  adminUrl: string | undefined,
  listenerUrl: string,
  names: readonly string[] = [],
): Origins {
  const configured = adminUrl === undefined ? undefined : new URL(adminUrl);
  const listener = new URL(listenerUrl);
  // A passkey needs a name, not an address; browsers treat localhost as secure without encryption.
  if (LOOPBACK_HOSTS.includes(listener.hostname)) listener.hostname = "localhost";
  const console = configured ?? listener;
  const knownNames = [...LOOPBACK_HOSTS, ...names, console.hostname, new URL(listenerUrl).hostname];

  function isAllowed(origin: string): boolean {
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    // Exactly an origin as browsers send it (RFC 6454 §6.2): without a path, and not "null".
    if (url.origin !== origin) return false;
    if (configured !== undefined) return url.origin === configured.origin;
    return (
      url.protocol === listener.protocol &&
      (LOOPBACK_HOSTS.includes(url.hostname) || url.origin === new URL(listenerUrl).origin)
    );
  }

  return {
    consoleUrl: console.href.replace(/\/+$/, ""),
    isSecure: console.protocol === "https:",
    isAllowed,
    // Behind a proxy, Host may differ; the configured origin is compared instead.
    isConsole: (origin, host) =>
      isAllowed(origin) && (configured !== undefined || new URL(origin).port === portOf(host)),
    relyingPartyId(origin) {
      if (!isAllowed(origin)) return undefined;
      const { hostname } = new URL(origin);
      return isAddress(hostname) ? undefined : hostname;
    },
    isKnownHost(host) {
      if (host === undefined) return true;
      // A fully qualified name may end in a dot.
      const hostname = parseHost(host)?.hostname.replace(/\.$/, "");
      return hostname !== undefined && (isAddress(hostname) || knownNames.includes(hostname));
    },
    cookieSuffix(host) {
      const port = configured?.port ?? portOf(host) ?? listener.port;
      const path = console.pathname === "/" ? "" : `_${Buffer.from(console.pathname).toString("base64url")}`;
      return (port === "" ? (console.protocol === "https:" ? "443" : "80") : port) + path;
    },
  };
}

/** A one-time link. Its secret is in the fragment, which browsers don't send: it reaches no log of a server or proxy. */
export function linkUrl({ consoleUrl }: Pick<Origins, "consoleUrl">, secret: string): string {
  return `${consoleUrl}/link#${secret}`;
}
