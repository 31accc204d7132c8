import type { ClientAuth, Configuration } from "openid-client";
import type { FederatedUser, IdentityProvider } from "../core/operators/single-sign-on.ts";
import { Refusal } from "../core/refusal.ts";
import { type Clock, elapsedMs, type Moment, momentOf } from "../core/surroundings.ts";

export interface OpenIdClient {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  /** The name of the claim that lists an operator's groups. */
  readonly groupsClaim: string;
}

/** Loaded when first needed: most services have no identity provider, and no command needs one. */
const loadLibrary = () => import("openid-client");

/** How long to wait for an answer of the provider, in seconds. */
const TIMEOUT_SECONDS = 10;

/** How long the provider's metadata is cached, in milliseconds. */
const METADATA_MS = 3_600_000;

/** How many of a user's groups are read. */
const GROUPS_MAX = 1000;

/**
 * An OpenID provider, through `openid-client`. Its metadata is fetched at the first sign-in and not at the start, because the
 * service runs without it. The library's errors quote the provider's answers, so none of them leaves this file.
 */
export function createOpenIdProvider(client: OpenIdClient, clock: Clock): IdentityProvider {
  const { issuer, clientId, clientSecret, scope, groupsClaim } = client;
  let known: { readonly configuration: Promise<Configuration>; readonly since: Moment } | undefined;

  async function fetchMetadata(): Promise<Configuration> {
    const { allowInsecureRequests, ClientSecretBasic, ClientSecretPost, discovery, enableNonRepudiationChecks } =
      await loadLibrary();
    const basic = ClientSecretBasic(clientSecret);
    const post = ClientSecretPost(clientSecret);
    const authenticate: ClientAuth = (server, metadata, body, headers) => {
      // The default of a provider that names no methods (OpenID Connect Discovery 1.0 §3).
      const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
      (methods.includes("client_secret_basic") ? basic : post)(server, metadata, body, headers);
    };
    return discovery(new URL(issuer), clientId, clientSecret, authenticate, {
      // Verify the ID token's signature, although it comes directly from the provider (OpenID Connect Core §3.1.3.7, 6). The
      // configuration allows an issuer without TLS only on this machine.
      execute: [enableNonRepudiationChecks, ...(issuer.startsWith("http:") ? [allowInsecureRequests] : [])],
      timeout: TIMEOUT_SECONDS,
    });
  }

  function discover(): Promise<Configuration> {
    if (known !== undefined && elapsedMs(clock, known.since) < METADATA_MS) return known.configuration;
    const configuration = fetchMetadata().catch((error: unknown) => {
      // The next sign-in tries again.
      known = undefined;
      throw unavailable(error);
    });
    known = { configuration, since: momentOf(clock) };
    return configuration;
  }

  return {
    issuer,

    async start(state, redirectUri, isFresh) {
      const { buildAuthorizationUrl, calculatePKCECodeChallenge, randomNonce, randomPKCECodeVerifier } =
        await loadLibrary();
      const configuration = await discover();
      const flow = { state, nonce: randomNonce(), codeVerifier: randomPKCECodeVerifier(), isFresh };
      const url = buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope,
        state,
        nonce: flow.nonce,
        code_challenge: await calculatePKCECodeChallenge(flow.codeVerifier),
        code_challenge_method: "S256",
        // With max_age, the provider must state when the user authenticated (§3.1.2.1).
        ...(isFresh && { prompt: "login", max_age: "0" }),
      });
      return { url: url.href, flow };
    },

    async finish(callbackUrl, { state, nonce, codeVerifier }) {
      const { authorizationCodeGrant, AuthorizationResponseError, fetchUserInfo } = await loadLibrary();
      const configuration = await discover();
      try {
        const tokens = await authorizationCodeGrant(configuration, callbackUrl, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (claims === undefined) throw new Error("there is no ID token");
        const isWhole = claims["email"] !== undefined && claims[groupsClaim] !== undefined;
        const more =
          isWhole || configuration.serverMetadata().userinfo_endpoint === undefined
            ? {}
            : await fetchUserInfo(configuration, tokens.access_token, claims.sub);
        return toUser(claims, more, groupsClaim);
      } catch (error) {
        if (isUnreachable(error)) throw unavailable(error);
        throw error instanceof AuthorizationResponseError ? notSignedIn() : failed(error);
      }
    },
  };
}

type Claims = Readonly<Record<string, unknown>>;

/** Reads a user from the ID token, completed from user info. The address and its verification come from the same of the two. */
function toUser(idToken: Claims, userInfo: Claims, groupsClaim: string): FederatedUser {
  const { iss, sub, auth_time: authTime } = idToken;
  const { email, email_verified: verified } = idToken["email"] === undefined ? userInfo : idToken;
  const groups = [idToken[groupsClaim] ?? userInfo[groupsClaim]].flat().filter((group) => typeof group === "string");
  return {
    issuer: String(iss),
    subject: String(sub),
    email: typeof email === "string" ? email : undefined,
    // Some providers send it as text.
    isEmailVerified: verified === undefined ? undefined : verified === true || verified === "true",
    groups: groups.slice(0, GROUPS_MAX),
    authenticatedAtMs: toMs(authTime),
  };
}

/** Reads a NumericDate, which may have a fraction (RFC 7519 §2). A time before 1970 or after 2106 is ignored. */
function toMs(seconds: unknown): number | undefined {
  const isTime = typeof seconds === "number" && seconds >= 0 && seconds <= 0xffff_ffff;
  return isTime ? Math.floor(seconds * 1000) : undefined;
}

function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError || ["OAUTH_TIMEOUT", "OAUTH_ABORT"].includes(codeOf(error));
}

function unavailable(error: unknown): Refusal {
  return new Refusal(
    "unavailable",
    `The identity provider can't be reached, or its answer isn't an OpenID provider's${hintOf(error)}.`,
  );
}

function notSignedIn(): Refusal {
  return new Refusal("single_sign_on_failed", "The identity provider refused the sign-in.");
}

function failed(error: unknown): Refusal {
  return new Refusal("single_sign_on_failed", `The identity provider's answer isn't valid${hintOf(error)}.`);
}

/** The library's error code, which comes from a closed list. */
function hintOf(error: unknown): string {
  const code = codeOf(error);
  return code === "" ? "" : ` (${code})`;
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^[A-Z_]{1,60}$/.test(code) ? code : "";
}
