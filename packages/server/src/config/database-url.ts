/**
 * The URL of a PostgreSQL database, in the form that libpq and the guides of database providers use
 * (postgresql.org/docs/current/libpq-connect, §32.1.1.2). URLs that the driver rejects or misreads are refused here with a
 * message that says why.
 */
import { isIP } from "node:net";
import { Problem } from "./config-error.ts";

const SSL_MODES: readonly string[] = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"];

/** The URL's host if the parameter `host` names the real one: a URL with a user needs a host (RFC 3986 §3.2). */
const NO_HOST = "localhost";

/** libpq parameters that the driver ignores. It would connect to another server. */
const NOT_READ: readonly string[] = ["hostaddr", "service", "servicefile", "passfile"];

const RESERVED =
  "the user name or password holds a character that is reserved in URLs; write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25";

/**
 * Checks a database URL. The URL of a host other than this machine must ask for TLS or say `sslmode=disable`.
 *
 * @returns the URL, in a spelling that both `URL` and the driver understand
 * @throws {Problem} whose message never quotes the URL, which may hold a password
 */
export function parseDatabaseUrl(text: string): string {
  if (/^[a-z_]+\s*=/i.test(text)) {
    throw new Problem(
      "keywords and values (host=… dbname=…) aren't supported; write a URL that begins with postgres:// or postgresql://, such as postgres://user:password@host/database",
    );
  }
  const [scheme] = /^postgres(?:ql)?:\/\//i.exec(text) ?? [];
  if (scheme === undefined) throw new Problem("a URL that begins with postgres:// or postgresql:// is needed");
  // Like the driver, read a percent sign that encodes nothing as itself.
  const rest = text.slice(scheme.length).replaceAll(/%(?![0-9a-f]{2})/gi, "%25");
  // The part before the path. Reserved characters in the credentials cut it short, which is detected below.
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const mayBeReserved = rest.lastIndexOf("@") >= authority.length;
  if (host.includes(","))
    throw new Problem("the URL names several hosts, but the driver takes one; name a proxy or a load balancer");
  const spelled = host === "" ? `${authority}${NO_HOST}${rest.slice(authority.length)}` : rest;
  const url = URL.canParse(scheme + spelled) ? new URL(scheme + spelled) : undefined;
  if (url === undefined) {
    throw new Problem(
      mayBeReserved
        ? RESERVED
        : "the URL's host or port is malformed; write postgres://user:password@host:port/database",
    );
  }
  const isCutShort = url.hash !== "" || url.pathname.length < 2 || url.pathname.includes("@");
  if (mayBeReserved && (isCutShort || [...url.searchParams.keys()].some((name) => name.includes("@")))) {
    throw new Problem(RESERVED);
  }
  if (url.hash !== "") throw new Problem("the URL has a fragment; write # as %23");
  checkEncoding(url);
  checkParameters(url);
  if (host === "" && !url.searchParams.has("host")) {
    throw new Problem("the URL names no host; for a socket, give its folder as a parameter: ?host=/run/postgresql");
  }
  if (url.pathname.length < 2) throw new Problem("the URL names no database; put /<database> after the host");
  if (!isOnThisMachine(url) && !saysWhetherTls(url)) {
    throw new Problem(
      "the URL doesn't ask for TLS, so the password and every statement would cross the network unencrypted; add sslmode=verify-full (and sslrootcert=<file> for a private CA), or sslmode=disable if the network is private",
    );
  }
  // The driver doesn't decode these in the database's name.
  url.pathname = url.pathname.replaceAll(/%(?:2[46bcf]|3[abd]|40)/gi, decodeURIComponent);
  return url.href;
}

/** Host, port and database, without user, password and parameters: safe for a message. */
export function databasePlace(text: string): string {
  const url = new URL(text);
  const port = url.searchParams.get("port") ?? url.port;
  return `${hostOf(url)}${port === "" ? "" : `:${port}`}${url.pathname}`;
}

/** Every password in the URL, both encoded and decoded. */
export function databasePasswords(text: string): readonly string[] {
  const { password, searchParams } = new URL(text);
  const passwords = [password, decodeURIComponent(password), ...searchParams.getAll("password")];
  return [...passwords, ...searchParams.getAll("sslpassword")].filter((one) => one !== "");
}

/** Does the text hold a password? Works on flags that aren't parsed yet. */
export function holdsPassword(text: string): boolean {
  return /:\/\/[^/?#@]*:[^@]+@|[?&]password=[^&]|^\s*(?:.*\s)?password\s*=/i.test(text);
}

function checkEncoding(url: URL): void {
  try {
    for (const part of [url.username, url.password, url.hostname, url.pathname]) decodeURIComponent(part);
  } catch {
    throw new Problem("the URL has a percent-encoding that isn't UTF-8");
  }
  if (/%(?:3f|23)/i.test(url.pathname)) throw new Problem("the database's name must not hold ? or #");
}

function checkParameters(url: URL): void {
  const names = [...url.searchParams.keys()];
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  // The driver may read either of the two.
  if (repeated !== undefined) throw new Problem("the URL gives a parameter twice");
  const unread = NOT_READ.find((name) => names.includes(name));
  if (unread !== undefined)
    throw new Problem(`the driver ignores the parameter ${unread}; write what it stands for in the URL`);
  if ((url.searchParams.get("host") ?? "").includes(",") || (url.searchParams.get("port") ?? "").includes(",")) {
    throw new Problem("the URL names several hosts, but the driver takes one; name a proxy or a load balancer");
  }
  const port = url.searchParams.get("port");
  if (port !== null && !(/^[0-9]{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new Problem("the parameter port isn't a port");
  }
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !SSL_MODES.includes(mode)) throw new Problem(`sslmode must be one of ${SSL_MODES.join(", ")}`);
}

/** The host, or the folder of a socket on this machine. */
function hostOf(url: URL): string {
  return url.searchParams.get("host") ?? decodeURIComponent(url.hostname);
}

function isOnThisMachine(url: URL): boolean {
  const host = hostOf(url)
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  if (host.startsWith("/") || host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

function saysWhetherTls({ searchParams }: URL): boolean {
  if (searchParams.has("sslmode")) return true;
  if (["true", "1", "no-verify"].includes(searchParams.get("ssl") ?? "")) return true;
  return (
    searchParams.get("sslnegotiation") === "direct" ||
    ["sslcert", "sslkey", "sslrootcert"].some((name) => (searchParams.get(name) ?? "") !== "")
  );
}
