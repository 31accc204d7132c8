import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startServer, type TestServer } from "../testkit/server.ts";

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags?: readonly string[];
  readonly responses: Readonly<Record<string, object>>;
}

interface Document {
  readonly info: { readonly contact?: object };
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly securitySchemes: Readonly<Record<string, object>> };
}

/** They answer with a redirect and nothing else. */
const REDIRECTS = ["startSingleSignOn", "finishSingleSignOn"];

/** Of all operations, only these need no credentials of an operator, a client or a resource server. */
const OPEN = {
  // At `token` and `revoke`, a client authenticates in the form.
  public: ["getAuthorizationServerMetadata", "token", "revoke", "createKeyChallenge", "revokeKey"],
  internal: [
    "getMetrics",
    "getSignInOptions",
    "signInByPassword",
    "startPasskeySignIn",
    "signInByPasskey",
    "signInByRecoveryCode",
    "startSingleSignOn",
    "finishSingleSignOn",
    "lookAtLink",
    "startLinkPasskey",
    "useLink",
  ],
  both: ["getLiveness", "getReadiness", "getOpenApi", "getErrorReference"],
};

describe("the rules that OpenAPI's linters have by default hold for the document of", () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  for (const listener of ["public", "internal"] as const) {
    test(`the ${listener} listener`, async () => {
      const url = listener === "public" ? server.publicUrl : server.adminUrl;
      const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
      const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
      );
      assert.ok(operations.length > 10);
      assert.ok(document.info.contact !== undefined);
      const ids = operations.map(([, { operationId }]) => operationId);
      assert.equal(new Set(ids).size, ids.length, "operation ids are unique");
      for (const [name, operation] of operations) {
        assert.match(operation.operationId ?? "", /^[a-z][A-Za-z]+$/, name);
        assert.notEqual(operation.summary ?? "", "", name);
        assert.notEqual(operation.description ?? "", "", name);
        const isOpen = [...OPEN[listener], ...OPEN.both].includes(operation.operationId ?? "");
        assert.equal(operation.security?.length === 0, isOpen, `${name}: security`);
        const statuses = Object.keys(operation.responses);
        assert.ok(
          statuses.some((status) => status.startsWith("4")),
          `${name}: a refusal`,
        );
        const succeeds = REDIRECTS.includes(operation.operationId ?? "") ? "3" : "2";
        assert.ok(
          statuses.some((status) => status.startsWith(succeeds)),
          `${name}: success`,
        );
        assert.equal(operation.tags?.length, 1, `${name}: a tag`);
      }
      for (const { name, description = "" } of document.tags) assert.notEqual(description, "", `tag ${name}`);
      assert.deepEqual(
        new Set(operations.flatMap(([, { tags = [] }]) => tags)),
        new Set(document.tags.map(({ name }) => name)),
      );
      assert.deepEqual(
        new Set(operations.flatMap(([, { security = [] }]) => security.flatMap((each) => Object.keys(each)))),
        new Set(Object.keys(document.components.securitySchemes)),
        "every scheme is used, and every one that is used is there",
      );
    });
  }
});
