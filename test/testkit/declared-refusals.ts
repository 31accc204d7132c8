/** Compares the refusals that a server has given with those that its public OpenAPI document declares. */
import assert from "node:assert/strict";
import type { TestServer } from "./server.ts";

/** The operations of the public document by the names of their routes in metrics. */
const OPERATIONS: Readonly<Record<string, string>> = {
  exchange: "refresh",
  check: "check",
  introspection: "introspect",
  oauth_token: "token",
  revocation: "revoke",
  changes: "changes",
  key_challenges: "createKeyChallenge",
  revoke_key: "revokeKey",
  rotate_key: "rotateKey",
};

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string;
            readonly responses: Readonly<Record<string, { readonly description: string }>>;
          }
        >
      >
    >
  >;
}

/**
 * Asserts that each refusal that a server's clients got so far is declared for the operation that gave it. Call it when a test is
 * done with the server.
 */
export async function assertRefusalsDeclared({ publicUrl, adminUrl }: TestServer): Promise<void> {
  const { paths } = (await (await fetch(`${publicUrl}/openapi.json`)).json()) as Document;
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  const declared = new Map(
    operations.map(({ operationId, responses }) => [
      operationId,
      new Set(Object.values(responses).flatMap(({ description }) => description.split(", "))),
    ]),
  );
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  for (const [, labels = ""] of metrics.matchAll(/^countersign_refusals_total\{([^}]*)\} [1-9]/gm)) {
    const route = /route="([^"]*)"/.exec(labels)?.[1] ?? "";
    const code = /code="([^"]*)"/.exec(labels)?.[1] ?? "";
    const operation = OPERATIONS[route];
    // Another method is another operation, which the document doesn't have.
    if (operation === undefined || code === "method_not_allowed") continue;
    assert.ok(declared.get(operation)?.has(code), `${operation} gave ${code}, which its document doesn't declare`);
  }
}
