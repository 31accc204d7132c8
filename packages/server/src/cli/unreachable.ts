import { errorCode } from "../platform/error-code.ts";
import { OperatorError } from "../core/operator-error.ts";

/** What `fetch` fails with, and what a person can do about it. */
const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nothing listens there. Is the service running, and is the port right?",
  ENOTFOUND: "There is no such host name. Is it spelled right?",
  EAI_AGAIN: "The name server doesn't answer, so the host name can't be looked up.",
  EHOSTUNREACH: "No network leads there.",
  ENETUNREACH: "No network leads there.",
  ECONNRESET: "The connection was closed. Does the port speak HTTPS? Then the address begins with https://.",
  UND_ERR_SOCKET: "The connection was closed. Does the port speak HTTPS? Then the address begins with https://.",
  ERR_SSL_WRONG_VERSION_NUMBER: "The port speaks plain HTTP, so the address begins with http://.",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "The port speaks plain HTTP, so the address begins with http://.",
  EPROTO: "The TLS handshake failed. Does the port speak plain HTTP? Then the address begins with http://.",
  ERR_TLS_CERT_ALTNAME_INVALID: "Its certificate is for another host name. Use the name that the certificate has.",
  CERT_HAS_EXPIRED: "Its certificate has expired. The operator of the server has to renew it.",
  CERT_NOT_YET_VALID: "Its certificate isn't valid yet. Is this machine's clock right?",
  UND_ERR_CONNECT_TIMEOUT: "It doesn't answer. A firewall may drop the packets.",
  ETIMEDOUT: "It doesn't answer. A firewall may drop the packets.",
  UND_ERR_HEADERS_OVERFLOW: "What listens there doesn't answer as this service does.",
};

const UNTRUSTED =
  "Its certificate isn't trusted here: name the file of its authority in the variable NODE_EXTRA_CA_CERTS.";

/** The codes of a certificate from an authority that isn't known here. */
const UNTRUSTED_CERTIFICATE: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** The error of a request that got no answer, in words a person can act on. @param error what `fetch` threw */
export function unreachable(baseUrl: string, error: unknown): OperatorError {
  if (error instanceof Error && error.name === "TimeoutError") {
    return new OperatorError(`${baseUrl} can't be reached (timeout). It accepts connections and doesn't answer.`);
  }
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && cause.name === "HTTPParserError") {
    return new OperatorError(`${baseUrl} can't be reached (no HTTP). What listens there doesn't speak HTTP.`);
  }
  // Ports such as 22 and 25, on which no browser and no fetch sends HTTP (Fetch standard, "port blocking").
  if (cause instanceof Error && cause.message === "bad port") {
    return new OperatorError(`${baseUrl} can't be reached (bad port). The port is reserved for another protocol.`);
  }
  const code = cause instanceof Error ? errorCode(cause) : "no answer";
  // Of several addresses, the first failure is the cause; an AggregateError has the code itself.
  const advice = UNTRUSTED_CERTIFICATE.has(code) ? UNTRUSTED : (ADVICE[code] ?? "Is the service running there?");
  return new OperatorError(`${baseUrl} can't be reached (${code}). ${advice}`);
}

/**
 * Reads the base URL of a service as a person writes it.
 *
 * @param endpoint a path that people add by mistake; it is left out
 * @returns the URL without a path's last slash
 * @throws {OperatorError} if it has no scheme, another scheme than http and https, a user name, a query or a fragment
 */
export function parseBaseUrl(what: string, text: string, endpoint: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const host = /^[A-Za-z0-9.-]+(?::[0-9]+)?(?:\/|$)/.test(text) ? text : "<host>";
    throw new OperatorError(`${what} needs its scheme: https://${host}, or http://${host} without TLS.`);
  }
  const url = URL.parse(text);
  if (url === null) throw new OperatorError(`${what} isn't a URL such as https://auth.example.com.`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new OperatorError(`${what} begins with http:// or https://.`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new OperatorError(`${what} takes no user name or password: the assertion is the credential.`);
  }
  if (url.search !== "" || url.hash !== "") throw new OperatorError(`${what} takes no query and no fragment.`);
  const path = url.pathname.replace(/\/*$/, "/");
  const base = path.endsWith(endpoint) ? path.slice(0, -endpoint.length) : path;
  return `${url.origin}${base.replace(/\/+$/, "")}`;
}
