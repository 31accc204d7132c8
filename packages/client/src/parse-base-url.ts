import { REFRESH_PATH } from "@countersign/protocol";
import { CountersignError } from "./countersign-error.ts";

/**
 * Where the service is, without a slash at its end. A path before `/api` is kept: the service may be behind a prefix.
 *
 * @throws {CountersignError} `options_invalid`. The message never quotes the value: it may hold a password
 */
export function parseBaseUrl(value: unknown): string {
  const text = value instanceof URL ? value.href : value;
  const url = typeof text === "string" ? parseUrl(text.trim()) : undefined;
  if (url === undefined) throw invalid("isn't a URL", "Give it whole, such as https://auth.example.com.");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalid("isn't an http or https URL");
  if (url.username !== "" || url.password !== "") {
    throw invalid("holds a user name or password", "The private key is all that this service needs.");
  }
  if (url.search !== "" || url.hash !== "") throw invalid("holds a query or a fragment");
  const path = url.pathname.replace(/\/+$/, "");
  if (`${path}/`.endsWith(REFRESH_PATH)) {
    throw invalid("names the exchange itself", `Leave ${REFRESH_PATH} out: it is added.`);
  }
  return url.origin + path;
}

/** `undefined` where the text is no URL. */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function invalid(problem: string, hint?: string): CountersignError {
  return new CountersignError("options_invalid", `baseUrl ${problem}.`, { hint });
}
