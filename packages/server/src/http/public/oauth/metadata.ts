import {
  ASSERTION_ALGORITHMS,
  ERRORS_PATH,
  INTROSPECTION_PATH,
  OAUTH_METADATA_PATH,
  OAUTH_TOKEN_PATH,
  REVOCATION_PATH,
} from "@countersign/protocol";
import type { FastifyInstance } from "fastify";

/** The OAuth metadata of this service (RFC 8414 §2). */
export function oauthMetadata(publicUrl: string) {
  const assertionSigning = { methods: ["private_key_jwt"], algorithms: [...ASSERTION_ALGORITHMS] };
  return {
    issuer: publicUrl,
    token_endpoint: publicUrl + OAUTH_TOKEN_PATH,
    token_endpoint_auth_methods_supported: assertionSigning.methods,
    token_endpoint_auth_signing_alg_values_supported: assertionSigning.algorithms,
    grant_types_supported: ["client_credentials"],
    // The member is required, although there is no authorization endpoint.
    response_types_supported: [],
    revocation_endpoint: publicUrl + REVOCATION_PATH,
    revocation_endpoint_auth_methods_supported: assertionSigning.methods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionSigning.algorithms,
    introspection_endpoint: publicUrl + INTROSPECTION_PATH,
    introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    service_documentation: publicUrl + ERRORS_PATH,
  };
}

/**
 * Serves the metadata. If the public URL has a path, also serves it with that path appended, where clients look for it (RFC 8414
 * §3.1).
 */
export function registerOAuthMetadata(app: FastifyInstance, publicUrl: string): void {
  const metadata = oauthMetadata(publicUrl);
  const schema = {
    tags: ["oauth"],
    summary: "OAuth 2 authorization server metadata (RFC 8414)",
    response: { 200: { type: "object", additionalProperties: true } },
  } as const;
  const suffix = new URL(publicUrl).pathname.replace(/\/$/, "");
  for (const path of new Set([OAUTH_METADATA_PATH, OAUTH_METADATA_PATH + suffix])) {
    app.get(path, { schema }, () => metadata);
  }
}
