import { ERRORS_PATH, REFUSAL_CODES, type RefusalCode } from "@countersign/protocol";
import { OAUTH_ERRORS } from "../public/oauth/oauth-answers.ts";
import { ANSWERS } from "../server/answers.ts";
import { ERROR_REFERENCE } from "./error-reference.ts";

/** A message that each refusal can have, as the sources have it. */
export const MESSAGES: Readonly<Record<RefusalCode, string>> = {
  authorization_missing: "The request has no Authorization header.",
  authorization_scheme: "The Authorization header's scheme isn't JWT.",
  assertion_malformed: "The assertion isn't a compact JWS: it needs exactly three parts, joined by dots.",
  assertion_algorithm: 'The assertion\'s alg is "HS256"; RS256, RS384 or RS512 is needed.',
  assertion_header: "The assertion's header has crit, and this service knows no critical extension.",
  assertion_claims: "The assertion's username is missing; a string is needed.",
  assertion_stale: "The assertion's iat is 93.2 s in the past; 60 s are allowed.",
  assertion_early: "The assertion's iat is 93.2 s in the future; 60 s are allowed.",
  assertion_expired: "The assertion's exp is 93.2 s in the past; it must be less than 60 s.",
  assertion_audience: "The assertion's aud doesn't name this service.",
  assertion_rejected: "No active key of that API user verifies the assertion's signature, or there is no such user.",
  key_deactivated: "The key that signed the assertion is deactivated.",
  key_expired: "The key that signed the assertion is past its expiry.",
  user_deactivated: "The API user is deactivated.",
  account_deactivated: "The API user's account is deactivated.",
  source_not_allowed: "This API user may be used only from certain networks, and 198.51.100.7 isn't in one of them.",
  assertion_replayed: "An assertion with this jti was used before.",
  ttl_invalid: "The query parameter ttl is too short.",
  key_proof_required: "The key came without a proof of possession, and this service requires one.",
  key_proof_invalid: "The proof isn't signed by the new key.",
  grant_type_unsupported: "The only grant_type is client_credentials.",
  scope_unsupported: "This service knows no scopes.",
  client_rejected: "The request has no client_assertion.",
  token_foreign: "The token was issued to another client.",
  token_inactive: "The token isn't valid, or not any more.",
  token_revoked: "This token was revoked.",
  access_read_only: "This API user may read only: GET, HEAD and OPTIONS.",
  certificate_required: "Only a gateway with a client certificate may have tokens checked.",
  revocation_rejected: "The revocation statement is refused: its key's modulus is even.",
  rotation_not_allowed: "The API user may not rotate its keys.",
  sign_in_required: "Sign in, or send an admin token.",
  sign_in_rejected: "The current password is wrong.",
  fresh_sign_in_required: "This needs a sign-in of the last 5 minutes.",
  forbidden: "Your role doesn't allow this.",
  origin_refused: "The request doesn't come from the console.",
  host_refused: "The metrics aren't served under this host name.",
  link_invalid: "The link isn't valid: it was used, withdrawn or replaced, or has expired.",
  single_sign_on_failed: "The identity provider refused the sign-in.",
  field_invalid: '"name" is missing.',
  key_rejected: "The key is refused: it is empty.",
  key_weak: "The key is refused: a key with its modulus is registered already.",
  private_key_exposed:
    "What was sent holds a PRIVATE key. It was neither stored nor logged, and it revoked nothing, but consider the key exposed.",
  conflict: "The account acme exists already.",
  precondition_failed: "It was changed since it was read.",
  idempotency_key_reused: "This Idempotency-Key was used for another request.",
  media_type_unsupported: "The body's Content-Type isn't application/json.",
  bad_request: "The body is empty; a JSON object is expected.",
  not_found: "There is nothing of that name here.",
  method_not_allowed: "The path exists, but not with this method.",
  request_timeout: "The request didn't arrive in time.",
  body_too_large: "The body has over 16384 bytes.",
  uri_too_long: "The request's path and query have over 8192 characters.",
  headers_too_large: "The request's headers have over 16384 bytes.",
  rate_limited: "Too many change streams are open.",
  internal: "Something failed on this side (request 0f8fad5b-1).",
  unavailable: "The service can't answer right now (request 0f8fad5b-1).",
};

/** Of the fields and weaknesses that some refusals name. */
const DETAILS: Partial<Record<RefusalCode, object>> = {
  field_invalid: { field: "/name" },
  key_rejected: { field: "/public_key" },
  key_weak: { field: "/public_key", weakness: "duplicate" },
  conflict: { field: "/shortname" },
};

const docsOf = (code: RefusalCode) => `https://auth.example.com${ERRORS_PATH}#${code}`;

/** References to the shared examples of these refusals, for the answer to a refused request. */
export function refusalExamples(codes: readonly RefusalCode[], isOAuth = false): Readonly<Record<string, object>> {
  return Object.fromEntries(codes.map((code) => [code, { $ref: COMPONENTS + nameOf(code, isOAuth) }]));
}

const COMPONENTS = "#/components/examples/";

function nameOf(code: RefusalCode, isOAuth: boolean): string {
  return isOAuth ? `oauth.${code}` : code;
}

/** The shared examples of refusals to which a document refers. */
export function sharedExamples(document: object): Readonly<Record<string, object>> {
  const text = JSON.stringify(document);
  const isUsed = (name: string) => text.includes(`"${COMPONENTS}${name}"`);
  return Object.fromEntries(
    [false, true].flatMap((isOAuth) =>
      REFUSAL_CODES.filter((code) => isUsed(nameOf(code, isOAuth))).map((code) => [
        nameOf(code, isOAuth),
        { summary: ERROR_REFERENCE[code].cause, value: isOAuth ? oauthExample(code) : envelopeExample(code) },
      ]),
    ),
  );
}

function envelopeExample(code: RefusalCode): object {
  const error = { code, message: MESSAGES[code], ...DETAILS[code], docs: docsOf(code) };
  return { meta: { code: ANSWERS[code].status, errors: [error], warnings: [] }, data: {} };
}

function oauthExample(code: RefusalCode): object {
  return { error: OAUTH_ERRORS[code], error_description: MESSAGES[code].replaceAll('"', "'"), error_uri: docsOf(code) };
}
