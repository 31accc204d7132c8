import {
  ASSERTION_ALGORITHMS,
  ERRORS_PATH,
  INTROSPECTION_PATH,
  OAUTH_METADATA_PATH,
  OAUTH_TOKEN_PATH,
  REVOCATION_PATH,
} from "@countersign/protocol";
import type { FastifyInstance } from "fastify";
import { SCHEMA_NAME } from "../../docs/schema-names.ts";

const url = { type: "string", format: "uri" } as const;
const texts = { type: "array", items: { type: "string" } } as const;

/** The members that RFC 8414 §2 defines and this service has. */
const Metadata = {
  [SCHEMA_NAME]: "AuthorizationServerMetadata",
  type: "object",
  properties: {
    issuer: url,
    token_endpoint: url,
    token_endpoint_auth_methods_supported: texts,
    token_endpoint_auth_signing_alg_values_supported: texts,
    grant_types_supported: texts,
    response_types_supported: texts,
    revocation_endpoint: url,
    revocation_endpoint_auth_methods_supported: texts,
    revocation_endpoint_auth_signing_alg_values_supported: texts,
    introspection_endpoint: url,
    introspection_endpoint_auth_methods_supported: texts,
    service_documentation: url,
  },
  required: ["issuer", "token_endpoint", "response_types_supported"],
  examples: [oauthMetadata("https://auth.example.com")],
};

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
    response: { 200: Metadata },
  } as const;
  const suffix = new URL(publicUrl).pathname.replace(/\/$/, "");
  for (const path of new Set([OAUTH_METADATA_PATH, OAUTH_METADATA_PATH + suffix])) {
    app.get(path, { schema }, () => metadata);
  }
}
