/** Whether a link works only on the machine that made it: its host is localhost, a loopback address or the unspecified address. */
export function isLocalLink(link: string): boolean {
  if (!URL.canParse(link)) return false;
  // The URL parser has brought addresses such as 127.1 and [0:0:0:0:0:0:0:1] into their usual form.
  const host = new URL(link).hostname.replace(/\.$/, "");
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    /^127(\.\d+){3}$/.test(host) ||
    ["0.0.0.0", "[::]", "[::1]"].includes(host) ||
    host.startsWith("[::ffff:7f")
  );
}
