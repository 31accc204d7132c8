import { ERRORS_PATH, REFUSAL_CODES, type RefusalCode, WEAKNESSES } from "@countersign/protocol";
import { ANSWERS } from "../server/answers.ts";

/** The cause of a refusal and its fix. */
interface Explanation {
  readonly cause: string;
  readonly fix: string;
}

/** The reference of refusal codes, the source of the page at `/docs/errors` and of docs/errors.md. */
export const ERROR_REFERENCE: Readonly<Record<RefusalCode, Explanation>> = {
  authorization_missing: {
    cause: "The request has no Authorization header.",
    fix: "Send `Authorization: JWT <assertion>` to the exchange, `Authorization: Token <token>` to the check. Some proxies and PHP set-ups remove the header on the way.",
  },
  authorization_scheme: {
    cause: "The Authorization header begins with another scheme, or with the credential itself.",
    fix: "The exchange takes `JWT`, the check `Token` or `Bearer`, each followed by a space.",
  },
  assertion_malformed: {
    cause:
      "The credential isn't a compact JWS of two JSON objects in canonical base64url, names a member twice, or has over 8192 characters.",
    fix: "Send what your JWT library returns, unchanged. With PyJWT 1.x call `.decode(\"ascii\")` on it first: `b'…'` in the header is the mark of that mistake.",
  },
  assertion_algorithm: {
    cause: "The assertion's `alg` isn't RS256, RS384 or RS512.",
    fix: "Sign with your RSA private key and name RS256 as the algorithm. HS256 with a PEM text as its secret is a common mistake.",
  },
  assertion_header: {
    cause:
      "The assertion's header has `crit`, which demands extensions that this service doesn't support, or its `typ` is that of a proof of possession or a revocation of a key.",
    fix: 'Leave `crit` out. Sign an assertion of its own, with `typ` "JWT" or none.',
  },
  assertion_claims: {
    cause:
      "`username` or `iat` is missing, or `username`, `iat`, `exp` or `nbf` has the wrong type. At the OAuth endpoints: `iss`, `sub`, `aud`, `exp` or `jti` is missing or of the wrong type, `iss` and `sub` differ, or `exp` is over an hour ahead.",
    fix: "`username` is a string; the times are JSON numbers in seconds since the epoch (fractions are fine), not strings.",
  },
  assertion_stale: {
    cause: "`iat` is more than 60 s (plus one second of grace) in the past.",
    fix: "Sign a new assertion for each exchange, and set the client's clock by NTP. The message says by how much it was off.",
  },
  assertion_early: {
    cause:
      "`iat` is more than 60 s (plus one second of grace) in the future, or `nbf` is more than 60 s in the future.",
    fix: "Set the client's clock by NTP. A value near 1.7e12 is milliseconds: divide by 1000.",
  },
  assertion_expired: {
    cause: "`exp` passed more than 60 s ago.",
    fix: "Sign a new assertion for each exchange, and set the client's clock by NTP.",
  },
  assertion_audience: {
    cause: "`aud` is present and doesn't name this service.",
    fix: "At the exchange, leave `aud` out, or set it to this service's public URL. At the OAuth endpoints set it to the issuer or the token endpoint's address; one assertion is valid at one of the two only.",
  },
  assertion_rejected: {
    cause: "There is no such API user, or none of its keys verifies the signature. The answer doesn't say which.",
    fix: "Check `username`, and that the public half of the private key was added for that user. If the user has more than two active keys of one length, put the key's id or thumbprint into the header's `kid`: without it, only the two newest are tried. An administrator can see the reason with `countersign explain`.",
  },
  key_deactivated: {
    cause:
      "The signature verifies, but its key is deactivated or revoked. At the check: the token is genuine and hasn't expired, but its key is deactivated or revoked.",
    fix: "Ask an administrator to activate it, or use a new key pair. A revoked key can't be activated again.",
  },
  key_expired: {
    cause: "The signature verifies, but its key has expired. At the check: the token's key has expired.",
    fix: "Use a new key pair.",
  },
  user_deactivated: {
    cause: "The signature or the token verifies, but the API user is deactivated.",
    fix: "Ask an administrator to activate it.",
  },
  account_deactivated: {
    cause: "The signature or the token verifies, but the API user's account is deactivated.",
    fix: "Ask an administrator to activate it.",
  },
  source_not_allowed: {
    cause:
      "The signature or the token verifies, but the API user or its key is limited to networks, and the client's address isn't in them or isn't known. It isn't known if the request came through a proxy that the service doesn't trust, or through a trusted proxy that names no client.",
    fix: "Send the request from an allowed network, or ask an administrator to allow the client's. If the message says that the address isn't known, the administrator adds the proxy to `COUNTERSIGN_TRUSTED_PROXIES` and has it set `X-Forwarded-For`.",
  },
  assertion_replayed: {
    cause: "An OAuth client's assertion has a `jti` that was used before.",
    fix: "Sign a new assertion, with a new random `jti`, for each request to `/oauth2/token` and `/oauth2/revoke`; a retry needs a new one too.",
  },
  ttl_invalid: {
    cause: "The query parameter `ttl` isn't a whole number from 600 to 43200, or is given twice.",
    fix: "Send whole seconds in decimal digits, or leave `ttl` out for 3600.",
  },
  key_proof_required: {
    cause:
      "A public key came without a proof that its sender holds the private key, and this service requires one (`COUNTERSIGN_KEY_PROOF=required`).",
    fix: "Get a nonce from `POST /api/auth/v0/key-challenges/` or `countersign key challenge <username>`, sign it with the new key, and send the proof with the key: `key add --proof`, or the member `proof`.",
  },
  key_proof_invalid: {
    cause:
      "The proof that came with a public key doesn't hold. The message says what is wrong: its form, `typ`, `alg`, `aud`, `sub`, `iat`, `exp` or `nbf`, its signature, or a nonce that is unknown here, has expired or was used.",
    fix: 'Sign a JWS with the new key itself: header `typ` "key-proof+jwt", claims `aud` (this service\'s public URL), `sub` (the username), `nonce` (at most 10 minutes old, for one key only) and `iat`.',
  },
  grant_type_unsupported: {
    cause: "The `grant_type` of the request to `/oauth2/token` isn't `client_credentials`.",
    fix: "Set `grant_type=client_credentials`, and authenticate with `private_key_jwt`.",
  },
  scope_unsupported: {
    cause: "The request to `/oauth2/token` has a `scope`, and this service has no scopes.",
    fix: "Leave `scope` out. What a token may do follows from its API user's access.",
  },
  client_rejected: {
    cause:
      "The client didn't authenticate, or did so incorrectly: a resource server's `client_id` or `client_secret` is missing or wrong, or it is deactivated; an OAuth client sent no `client_assertion`, one of another type, or a `client_id` that isn't its `sub`.",
    fix: "A resource server sends `Authorization: Basic` with what `countersign resource-server create` printed; `countersign resource-server rotate` gives a new secret. An OAuth client sends `client_assertion_type` and `client_assertion` (RFC 7523 §2.2).",
  },
  token_foreign: {
    cause: "The token to revoke was issued to another client.",
    fix: "Authenticate as the client whose token it is, or have its key deactivated.",
  },
  token_inactive: {
    cause: "The token has expired, was altered, or wasn't minted by this service. The answer doesn't say which.",
    fix: "Exchange a new assertion for a new token. If that is refused too, the answer says why.",
  },
  token_revoked: {
    cause: "This token was revoked individually, at `/oauth2/revoke`. Its key, user and account are active.",
    fix: "Exchange a new assertion for a new token, unless you were told to stop using it.",
  },
  access_read_only: {
    cause:
      "The token belongs to a read-only API user, and the request isn't a GET, HEAD or OPTIONS, or carries a header that names another method, such as `X-Forwarded-Method` or `X-HTTP-Method-Override`.",
    fix: "Use an API user with full access. If a gateway asks the check with a method that isn't the client's, have it send the client's method in `X-Forwarded-Method`, and put the gateway's address into `COUNTERSIGN_TRUSTED_PROXIES`.",
  },
  certificate_required: {
    cause:
      "The check was asked by a program without a client certificate, or with one that no authority in `COUNTERSIGN_TLS_CLIENT_CA_FILE` vouches for.",
    fix: "Configure the gateway with its certificate and key: `proxy_ssl_certificate` and `proxy_ssl_certificate_key` in nginx. The service's log says what was wrong with the certificate.",
  },
  revocation_rejected: {
    cause:
      "The text isn't a revocation statement, or its signature isn't by the key in its `jwk`. A statement's header has exactly `typ`, `alg` and `jwk`, its claims are exactly the fixed ones, and the key has a size and an exponent that can be registered.",
    fix: "Make the statement with `countersign key revocation`, or as docs/keys.md shows with OpenSSL. Send it unchanged.",
  },
  rotation_not_allowed: {
    cause: "The signature verifies, but the API user has no permission to rotate its keys by itself.",
    fix: "Ask the administrator of this service for `countersign user edit <username> --may-rotate`, or to add the new key.",
  },
  sign_in_required: {
    cause: "The request to the admin API has no session or admin token, or one that has ended.",
    fix: "Sign in at the console, or send `Authorization: Bearer csat_…` with a token from `countersign admin-token create`.",
  },
  sign_in_rejected: {
    cause:
      "The e-mail address and the password, passkey or recovery code don't belong together, or the operator is deactivated. The answer doesn't say which.",
    fix: "Use another sign-in method. An owner can create a new link with `countersign operator reset`.",
  },
  fresh_sign_in_required: {
    cause:
      "The operator signed in more than 5 minutes ago, and the change creates a credential, an operator or an admin token, or is about the signing keys. A stolen session alone must not be enough for that.",
    fix: "Sign in again, then repeat the change; the console asks for it and repeats the change. With single sign-on, the identity provider must say when the operator signed in (`auth_time`).",
  },
  forbidden: {
    cause:
      "The caller's role doesn't allow this. A viewer can read, an admin can change accounts, users and keys, and an owner can change everything. A caller limited to one account sees and changes only that account.",
    fix: "Ask an owner.",
  },
  origin_refused: {
    cause:
      "A browser's request for a change came from a page that isn't the console, or without an `Origin`; or the console was opened at an address that the service doesn't know.",
    fix: "Open the console at the address in `COUNTERSIGN_ADMIN_URL`. Programs use an admin token, which needs no `Origin`.",
  },
  host_refused: {
    cause:
      "The metrics were requested by a host name that the service doesn't know. The owner of a web page could point such a name at the internal listener (DNS rebinding) and read them from an operator's browser.",
    fix: "Use an IP address or `localhost`, or add the name to `COUNTERSIGN_ADMIN_NAMES`.",
  },
  link_invalid: {
    cause: "The one-time link was used or withdrawn, has expired, or was truncated when it was copied.",
    fix: "Ask for a new one: `countersign operator invite` or `countersign operator reset`.",
  },
  single_sign_on_failed: {
    cause:
      "The identity provider didn't sign the operator in, its answer doesn't belong to this browser's request, or none of its groups has a role here.",
    fix: "Try again. If it fails again, the log has the reason under the request's id; `COUNTERSIGN_OIDC_ROLES` maps groups to roles.",
  },
  field_invalid: {
    cause: "A member of the body or a parameter is missing or invalid.",
    fix: "`field` names it, and the message says what is allowed.",
  },
  key_rejected: {
    cause: "The text isn't a public key that can be added: not one of the known forms, damaged, or not RSA.",
    fix: "The message says what is wrong with it.",
  },
  key_weak: {
    cause:
      "The public key isn't accepted: others can compute or look up its private half, it isn't as strong as it must be, or its modulus was registered or revoked before. `weakness` says which: " +
      `${WEAKNESSES.map((weakness) => `\`${weakness}\``).join(", ")}.`,
    fix: "Make a new key pair with a current version of OpenSSL or another well-known tool, and add its public half. docs/keys.md explains each weakness.",
  },
  private_key_exposed: {
    cause: "The text is a private key. It was neither stored nor logged, but it has left the machine where it belongs.",
    fix: "Discard the key pair, generate a new one, and send only the public half.",
  },
  conflict: {
    cause:
      "The change conflicts with the current state: the name is taken, the key was revoked, or it would leave no owner.",
    fix: "The message says what conflicts.",
  },
  precondition_failed: {
    cause: "The object has changed since it was read: `If-Match` names another version.",
    fix: "Read it again, and decide again.",
  },
  idempotency_key_reused: {
    cause: "The `Idempotency-Key` was used for another request before.",
    fix: "Use a new random key for each thing to create, and repeat a key only with the same request.",
  },
  media_type_unsupported: {
    cause: "The body isn't JSON.",
    fix: "Send `Content-Type: application/json`.",
  },
  bad_request: {
    cause: "The request isn't valid HTTP, or its parameters or body aren't valid.",
    fix: "The message says what is wrong.",
  },
  not_found: {
    cause: "There is nothing at this path.",
    fix: "Check the path; `/openapi.json` lists all paths.",
  },
  method_not_allowed: {
    cause: "The path exists, but not with this method.",
    fix: "The header `Allow` lists the methods.",
  },
  request_timeout: {
    cause: "The request's head or body didn't arrive in time.",
    fix: "Send the whole request at once.",
  },
  body_too_large: {
    cause: "The request's body is larger than this endpoint accepts.",
    fix: "Send less. The exchange and the check need no body at all.",
  },
  uri_too_long: {
    cause: "The request's path and query have over 8192 characters.",
    fix: "Send the credential in the Authorization header, never in the URL.",
  },
  headers_too_large: {
    cause: "The request's headers have over 16 KiB in all.",
    fix: "Send fewer headers; an assertion has at most 8192 characters.",
  },
  rate_limited: {
    cause:
      "Too many requests from this address were refused within a minute; or one OAuth client used too many assertions in an hour or has too many revoked tokens; or too many change streams are open; or too many revocation statements came from this address.",
    fix: "Wait for the seconds in `Retry-After`, and fix the problem that the earlier answers named.",
  },
  internal: {
    cause: "The service failed unexpectedly.",
    fix: "Give the administrator the request id, under which the log has the cause.",
  },
  unavailable: {
    cause:
      "The service is starting or stopping, or can't confirm the state of keys right now; or the request needs to write to the store, which fails or takes over 5 seconds.",
    fix: "Try again in a moment. The service gives no stale answers in the meantime, and never makes a refused change later.",
  },
};

/** The content of docs/errors.md. */
export function errorReferenceMarkdown(): string {
  const sections = REFUSAL_CODES.map((code) => {
    const { cause, fix } = ERROR_REFERENCE[code];
    return `## ${code}\n\n${wrap(`HTTP ${ANSWERS[code].status}. ${cause}`)}\n\n${wrap(fix)}\n`;
  });
  return [
    "# Refusals\n",
    `${wrap(
      `Every refusal carries one of these codes, in the envelope's \`meta.errors[0].code\` and, with a 401, in \`WWW-Authenticate\`. The OAuth endpoints answer in OAuth's form (RFC 6749 §5.2): \`error_uri\` then leads here, and any failure of a client's authentication is HTTP 401 \`invalid_client\`. The same reference is served at \`${ERRORS_PATH}\`, where the \`docs\` links in answers lead.`,
    )}\n`,
    "Generated from packages/server/src/http/docs/error-reference.ts by `npm run docs`.\n",
    ...sections,
  ].join("\n");
}

/** Wraps a paragraph at 100 columns. */
function wrap(text: string): string {
  return text.replaceAll(/(.{1,100})(?: |$)/g, "$1\n").trimEnd();
}

/** The page at `/docs/errors`. Its inline style is {@link PAGE_STYLE}, which the page's content security policy allows by hash. */
export function errorReferencePage(): string {
  const sections = REFUSAL_CODES.map((code) => {
    const { cause, fix } = ERROR_REFERENCE[code];
    return `<section id="${code}"><h2><a href="#${code}">${code}</a> <small>HTTP ${ANSWERS[code].status}</small></h2><p>${html(cause)}</p><p>${html(fix)}</p></section>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Refusals - Countersign</title><style>${PAGE_STYLE}</style></head><body><main><h1>Refusals</h1><p>Every refusal carries one of these codes, in <code>meta.errors[0].code</code> of its answer. The OAuth endpoints answer in OAuth's form: <code>error_uri</code> leads here, and any failure of a client's authentication is HTTP 401.</p>${sections.join("")}</main></body></html>`;
}

export const PAGE_STYLE =
  ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:44rem;padding:0 1rem}h2{font:600 1.1rem ui-monospace,monospace;margin:2rem 0 .25rem}h2 a{color:inherit;text-decoration:none}small{font-weight:400;opacity:.7}section p{margin:.25rem 0}:target{outline:2px solid;outline-offset:.5rem}code{font-family:ui-monospace,monospace}";

/** Escapes plain text for HTML, and turns backticks into `<code>`. */
function html(text: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return escaped.replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}
