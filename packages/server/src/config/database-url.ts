/**
 * The URL of a PostgreSQL database, as libpq's and the providers' guides give it and the driver takes it
 * (postgresql.org/docs/current/libpq-connect, §32.1.1.2). What the driver doesn't take, or takes for something else, is
 * refused here in words.
 */
import { isIP } from "node:net";
import { Problem } from "./config-error.ts";

const SSL_MODES: readonly string[] = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"];

/** Stands in the URL where the host is elsewhere, since a URL with a user needs one (RFC 3986 §3.2). */
const NO_HOST = "localhost";

/** The driver passes over these, and would connect to another place. */
const NOT_READ: readonly string[] = ["hostaddr", "service", "servicefile", "passfile"];

const RESERVED =
  "the user name or password holds a character that has a meaning in URLs; write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25";

/**
 * Checks a database URL. A host other than this machine needs TLS, or `sslmode=disable`.
 *
 * @returns the URL, in a spelling that both `URL` and the driver understand
 * @throws {Problem} which never repeats the URL: it may hold a password
 */
export function parseDatabaseUrl(text: string): string {
  if (/^[a-z_]+\s*=/i.test(text)) {
    throw new Problem(
      "keywords and values (host=… dbname=…) aren't read; write them as a URL that begins with postgres:// or postgresql://, postgres://user:password@host/database",
    );
  }
  const [scheme] = /^postgres(?:ql)?:\/\//i.exec(text) ?? [];
  if (scheme === undefined) throw new Problem("a URL that begins with postgres:// or postgresql:// is needed");
  // As the driver does: a percent sign that encodes nothing stands for itself.
  const rest = text.slice(scheme.length).replaceAll(/%(?![0-9a-f]{2})/gi, "%25");
  // The part before the path. Credentials with reserved characters make it end too early, which shows below.
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const mayBeReserved = rest.lastIndexOf("@") >= authority.length;
  if (host.includes(","))
    throw new Problem("the URL names several hosts; the driver takes one: name a proxy or a balancer");
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
    throw new Problem("the URL names no host; a socket's folder goes behind it, as ?host=/run/postgresql");
  }
  if (url.pathname.length < 2) throw new Problem("the URL names no database; put /<database> behind the host");
  if (!isOnThisMachine(url) && !saysWhetherTls(url)) {
    throw new Problem(
      "the URL asks for no TLS, so that the password and every statement would cross the network unencrypted; add sslmode=verify-full (and sslrootcert=<file> for a CA of your own), or sslmode=disable if nobody else can reach that network",
    );
  }
  // The driver leaves these encoded in the database's name.
  url.pathname = url.pathname.replaceAll(/%(?:2[46bcf]|3[abd]|40)/gi, decodeURIComponent);
  return url.href;
}

/** Where the database is, without user, password and parameters: fit for a message. */
export function databasePlace(text: string): string {
  const url = new URL(text);
  const port = url.searchParams.get("port") ?? url.port;
  return `${hostOf(url)}${port === "" ? "" : `:${port}`}${url.pathname}`;
}

/** Every password in the URL, as it is and decoded. */
export function databasePasswords(text: string): readonly string[] {
  const { password, searchParams } = new URL(text);
  const passwords = [password, decodeURIComponent(password), ...searchParams.getAll("password")];
  return [...passwords, ...searchParams.getAll("sslpassword")].filter((one) => one !== "");
}

/** Has the text a password in it? Asked of flags, before they are parsed. */
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
  // Reading either of the two could be wrong.
  if (repeated !== undefined) throw new Problem("the URL gives a parameter twice");
  const unread = NOT_READ.find((name) => names.includes(name));
  if (unread !== undefined)
    throw new Problem(`the driver doesn't read the parameter ${unread}; write it out in the URL`);
  if ((url.searchParams.get("host") ?? "").includes(",") || (url.searchParams.get("port") ?? "").includes(",")) {
    throw new Problem("the URL names several hosts; the driver takes one: name a proxy or a balancer");
  }
  const port = url.searchParams.get("port");
  if (port !== null && !(/^[0-9]{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new Problem("the parameter port isn't a port");
  }
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !SSL_MODES.includes(mode)) throw new Problem(`sslmode must be one of ${SSL_MODES.join(", ")}`);
}

/** A folder where the database listens on a socket of this machine. */
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
