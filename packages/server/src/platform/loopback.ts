/** This machine's own names, as they stand in a URL. */
export const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Every address at which a service on this host must listen. Whether `localhost` is 127.0.0.1 or ::1 is the client's choice:
 * listening on one of them only, a service would leave its name to any program that listens on the other. All IPv4 addresses,
 * 0.0.0.0, have 127.0.0.1 among them. Every other address is itself alone, 127.0.0.2 too: links to it name the address.
 *
 * @returns the host itself first
 */
export function addressesToListenAt(host: string): readonly string[] {
  const url = `http://${host.includes(":") ? `[${host}]` : host}`;
  const hostname = URL.canParse(url) ? new URL(url).hostname : host;
  if (hostname === "[::1]") return ["::1", "127.0.0.1"];
  if (hostname === "0.0.0.0") return ["0.0.0.0", "::1"];
  const isLoopback = LOOPBACK_HOSTS.includes(hostname) || hostname.endsWith(".localhost");
  return isLoopback ? ["127.0.0.1", "::1"] : [host];
}
