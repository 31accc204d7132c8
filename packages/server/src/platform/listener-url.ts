/**
 * The URL of a listener, without a slash at its end. An IPv6 address stands in brackets (RFC 3986 §3.2.2).
 *
 * @param host as configured: a name or an address without brackets
 */
export function listenerUrl(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
