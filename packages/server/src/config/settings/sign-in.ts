import { parseIssuer, parseRoles, parseScope } from "../parse-values.ts";
import { setting } from "./setting.ts";

/** Single sign-on of operators by OpenID Connect. */
export const SIGN_IN_SETTINGS = {
  oidcIssuer: setting({
    variable: "COUNTERSIGN_OIDC_ISSUER",
    flag: "--oidc-issuer <url>",
    default: "none: operators sign in with a password or passkey",
    meaning: "OpenID provider through which operators sign in",
    parse: (text) => (text === undefined ? undefined : parseIssuer(text)),
  }),
  oidcClientId: setting({
    variable: "COUNTERSIGN_OIDC_CLIENT_ID",
    flag: "--oidc-client-id <id>",
    default: "none",
    meaning:
      "this service's client id at the provider; its redirect URI is COUNTERSIGN_ADMIN_URL + /api/admin/v1/sign-in/single-sign-on/callback",
    parse: (text) => text,
  }),
  oidcClientSecret: setting({
    variable: "COUNTERSIGN_OIDC_CLIENT_SECRET",
    default: "none",
    meaning: "this service's client secret at the provider",
    secret: true,
    parse: (text) => text,
  }),
  oidcScope: setting({
    variable: "COUNTERSIGN_OIDC_SCOPE",
    flag: "--oidc-scope <scope>",
    default: "openid email",
    meaning: "OAuth scopes to request, separated by spaces; must include openid",
    isList: true,
    parse: (text = "openid email") => parseScope(text),
  }),
  oidcGroupsClaim: setting({
    variable: "COUNTERSIGN_OIDC_GROUPS_CLAIM",
    flag: "--oidc-groups-claim <name>",
    default: "groups",
    meaning: "claim that lists an operator's groups, in the ID token or the user info response",
    parse: (text = "groups") => text,
  }),
  oidcRoles: setting({
    variable: "COUNTERSIGN_OIDC_ROLES",
    flag: "--oidc-roles <mapping>",
    default: "none",
    meaning:
      "roles by group, separated by commas: <group>=<role> or <group>=<role>@<account>; the highest role wins; an operator without a listed group can't sign in",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseRoles(text)),
  }),
} as const;
