/**
 * OAuth clients' requests as bytes: those at which a node writes to the store.
 */
import { randomUUID } from "node:crypto";
import { PUBLIC_URL, type SiteUser } from "./nodes.ts";
import { requestHead } from "../../packages/server/src/testing/raw-http.ts";
import { signAssertion } from "./sign-assertion.ts";

const TOKEN_PATH = "/oauth2/token";
const REVOCATION_PATH = "/oauth2/revoke";

/** A new assertion for the token endpoint, with a `jti` that is used up with it (RFC 7523 §3). */
export function signGrant(user: SiteUser): string {
  return sign(user, TOKEN_PATH);
}

/** Requests a token (RFC 6749 §4.4.2). */
export function grantBytes(assertion: string): string {
  return postBytes(TOKEN_PATH, { grant_type: "client_credentials", ...credentials(assertion) });
}

/** Revokes a token (RFC 7009 §2.1), with a new assertion. */
export function revocationBytes(user: SiteUser, token: string): string {
  return postBytes(REVOCATION_PATH, { token, ...credentials(sign(user, REVOCATION_PATH)) });
}

function sign({ username, pair }: SiteUser, path: string): string {
  const exp = Math.floor(Date.now() / 1000) + 60;
  const claims = { username: undefined, iss: username, sub: username, aud: PUBLIC_URL + path, exp, jti: randomUUID() };
  return signAssertion(username, pair.privateKey, { claims });
}

function credentials(assertion: string): Readonly<Record<string, string>> {
  return {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  };
}

function postBytes(path: string, form: Readonly<Record<string, string>>): string {
  const body = new URLSearchParams(form).toString();
  const headers = [
    ["Content-Type", "application/x-www-form-urlencoded"],
    ["Content-Length", String(body.length)],
  ] as const;
  return requestHead("POST", path, headers) + body;
}
