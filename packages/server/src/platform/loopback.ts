/** The names of this machine, in the form that a URL has them. */
export const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Every address at which a service with this host must listen. A client decides whether `localhost` means 127.0.0.1 or ::1, so
 * a service that listened on only one would leave the name to any program that listens on the other. 0.0.0.0 includes 127.0.0.1.
 * Any other address, such as 127.0.0.2, stands only for itself, because links to it name the address.
 *
 * @returns the address of `host` first
 */
export function addressesToListenAt(host: string): readonly string[] {
  const url = `http://${host.includes(":") ? `[${host}]` : host}`;
  const hostname = URL.canParse(url) ? new URL(url).hostname : host;
  if (hostname === "[::1]") return ["::1", "127.0.0.1"];
  if (hostname === "0.0.0.0") return ["0.0.0.0", "::1"];
  const isLoopback = LOOPBACK_HOSTS.includes(hostname) || hostname.endsWith(".localhost");
  return isLoopback ? ["127.0.0.1", "::1"] : [host];
}
