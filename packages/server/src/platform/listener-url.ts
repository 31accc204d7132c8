/** What begins a host that is a Unix socket, as in `unix:/run/countersign/public.sock`. */
export const UNIX_PREFIX = "unix:";

/** What stands for the address of a program that connects to a Unix socket, as in nginx. */
export const UNIX_PEER = "unix:";

/** The path of a Unix socket that a configured host names; `undefined` for an address or a name. */
export function socketPathOf(host: string): string | undefined {
  return host.startsWith(UNIX_PREFIX) ? host.slice(UNIX_PREFIX.length) : undefined;
}

/**
 * The URL of a listener, without a trailing slash. An IPv6 address is put in brackets (RFC 3986 §3.2.2). A Unix socket has no URL of
 * its own; programs that connect to one name the host `localhost`.
 *
 * @param host as configured: a name, an address without brackets, or a Unix socket
 */
export function listenerUrl(host: string, port: number, scheme: "http" | "https" = "http"): string {
  if (socketPathOf(host) !== undefined) return `${scheme}://localhost`;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
