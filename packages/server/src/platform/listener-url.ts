/**
 * The URL of a listener, without a trailing slash. An IPv6 address is put in brackets (RFC 3986 §3.2.2).
 *
 * @param host as configured: a name or an address without brackets
 */
export function listenerUrl(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
