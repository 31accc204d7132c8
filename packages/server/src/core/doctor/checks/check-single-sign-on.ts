import { type Observation, observe } from "../finding.ts";

/** The issuer that the discovery document names, or why it can't be read. */
export type Discovery = { readonly issuer: string } | { readonly problem: string };

/** OpenID Connect Discovery 1.0 §4.3: the document's issuer must be exactly the configured one. */
export function checkSingleSignOn(issuer: string, discovery: Discovery): Observation {
  return observe(
    `The OpenID provider ${issuer} answers.`,
    "problem" in discovery
      ? { code: "sso_unreachable", found: `The discovery document of ${issuer} can't be read: ${discovery.problem}.` }
      : discovery.issuer === issuer
        ? undefined
        : {
            code: "sso_issuer_differs",
            found: `COUNTERSIGN_OIDC_ISSUER is ${issuer}, and the discovery document names ${discovery.issuer}.`,
          },
  );
}
