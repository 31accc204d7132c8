import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import openapiTS, { type OpenAPI3 } from "openapi-typescript";
import { isInterfaceDeclaration, isPropertySignature, isTypeLiteralNode, type Node, type TypeNode } from "typescript";
import { ADMIN } from "../testkit/admin-client.ts";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import { startServer, type TestServer } from "../testkit/server.ts";

/** By media types. */
type Content = Readonly<
  Record<
    string,
    { readonly schema: object; readonly example?: unknown; readonly examples?: Readonly<Record<string, object>> }
  >
>;

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags?: readonly string[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

interface Document {
  readonly info: { readonly contact?: object };
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, object>>;
    readonly schemas: Readonly<Record<string, object>>;
    readonly examples: Readonly<Record<string, { readonly value: object }>>;
  };
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
    "startDeviceSignIn",
    "collectDeviceSignIn",
  ],
  both: ["getLiveness", "getReadiness", "getOpenApi", "getErrorReference"],
};

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

describe("the rules that OpenAPI's linters have by default hold for the document of", () => {
  for (const listener of ["public", "internal"] as const) {
    test(`the ${listener} listener`, async () => {
      const document = await documentOf(listener);
      const operations = operationsOf(document);
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

test("docs/wire-examples.md shows or names each refusal of the public document", async () => {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "wire-examples.md"), "utf8");
  const { components } = await documentOf("public");
  const codes = Object.keys(components.examples).map((name) => name.replace(/^oauth\./, ""));
  assert.ok(codes.length > 30);
  const isThere = (code: string) => page.includes(`\`${code}\``) || new RegExp(`^4[0-9]{2} ${code}$`, "m").test(page);
  assert.deepEqual(
    codes.filter((code) => !isThere(code)),
    [],
  );
});

describe("each operation has examples that its schemas accept, in the document of", () => {
  for (const listener of ["public", "internal"] as const) {
    test(`the ${listener} listener`, async () => {
      const document = await documentOf(listener);
      const check = exampleChecker(document);
      for (const [name, { requestBody, responses }] of operationsOf(document)) {
        const [method = "", path = ""] = name.split(" ");
        for (const [type, { schema, example }] of Object.entries(requestBody?.content ?? {})) {
          check(["paths", path, method, "requestBody", "content", type], schema, example);
        }
        for (const [status, { description, content = {} }] of Object.entries(responses)) {
          for (const [type, { schema, example, examples }] of Object.entries(content)) {
            const pointer = ["paths", path, method, "responses", status, "content", type];
            if (status.startsWith("2") || examples === undefined) {
              check(pointer, schema, example);
              continue;
            }
            assert.deepEqual(Object.keys(examples), description.split(", "), `${name}, ${status}`);
            for (const [code, { $ref = "" }] of Object.entries<{ $ref?: string }>(examples)) {
              const value = document.components.examples[$ref.replace("#/components/examples/", "")]?.value;
              check(pointer, schema, value);
              assertIsOf(code, Number(status), value);
            }
          }
        }
      }
      const text = JSON.stringify(document);
      assert.doesNotMatch(text, /(?:csat|csrs|csiv|whsec|msg)_\w/, "nothing looks like a secret");
      assert.doesNotMatch(text, /"eyJ\w|"1\.[\w-]{10}/, "nothing looks like a token");
    });
  }
});

/** Asserts that the schema of a place in the document accepts an example. */
type CheckExample = (mediaPointer: readonly string[], schema: object, example: unknown) => void;

function exampleChecker(document: Document): CheckExample {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (instance: Ajv2020) => void)(ajv);
  ajv.addSchema(document, "document");
  // Many answers have the same schema.
  const validators = new Map<string, ValidateFunction>();
  return (mediaPointer, schema, example) => {
    const where = mediaPointer.join(" ");
    assert.notEqual(example, undefined, `${where}: no example`);
    const pointer = [...mediaPointer, "schema"].map((part) =>
      encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")),
    );
    const key = JSON.stringify(schema);
    const validate = validators.get(key) ?? ajv.compile({ $ref: `document#/${pointer.join("/")}` });
    validators.set(key, validate);
    assert.ok(validate(example), `${where}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(example)}`);
  };
}

/** Asserts that the example of a refusal has this code and status. */
function assertIsOf(code: string, status: number, example: unknown): void {
  const { meta, error_uri: uri = "" } = example as {
    readonly meta?: { readonly code: number; readonly errors: readonly { readonly code: string }[] };
    readonly error_uri?: string;
  };
  if (meta === undefined) assert.ok(uri.endsWith(`#${code}`), uri);
  else assert.deepEqual([meta.code, meta.errors[0]?.code], [status, code]);
}

describe("openapi-typescript makes types with names from the document of", () => {
  test("the internal listener: those of resources have the members that answers have", async () => {
    const schemas = await typedSchemas(await documentOf("internal"));
    const { token } = await server.json<{ token: string }>("admin-token", "create", "types", "--role", "owner");
    const create = async (path: string, body: object): Promise<object> => {
      const answer = await fetch(server.adminUrl + ADMIN + path, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      assert.equal(answer.status, 201, path);
      return ((await answer.json()) as { data: object }).data;
    };
    const made = {
      Account: await create("/accounts", { shortname: "acme" }),
      User: await create("/users", { account: "acme", name: "demo", access: "full" }),
      Key: await create("/users/api-1-demo/keys", { public_key: makeKeyPair().publicPem }),
      ResourceServerWithSecret: await create("/resource-servers", { name: "orders" }),
      AdminTokenWithSecret: await create("/admin-tokens", { name: "deploy", role: "viewer" }),
    };
    for (const [name, resource] of Object.entries(made)) {
      assert.deepEqual(schemas.get(name)?.toSorted(), Object.keys(resource).toSorted(), name);
    }
  });

  test("the public listener", async () => {
    const schemas = await typedSchemas(await documentOf("public"));
    assert.deepEqual(schemas.get("Token"), ["issued_at", "token", "expires_in", "expires_at"]);
    assert.deepEqual(schemas.get("TokenResponse"), ["access_token", "token_type", "expires_in"]);
    assert.deepEqual(schemas.get("OAuthError"), ["error", "error_description", "error_uri"]);
    assert.deepEqual(schemas.get("Refusal"), ["meta", "data"]);
    assert.deepEqual(schemas.get("ErrorItem"), ["code", "message", "hint", "field", "weakness", "docs"]);
  });
});

async function documentOf(listener: "public" | "internal"): Promise<Document> {
  const url = listener === "public" ? server.publicUrl : server.adminUrl;
  return (await (await fetch(`${url}/openapi.json`)).json()) as Document;
}

function operationsOf({ paths }: Document): readonly (readonly [name: string, operation: Operation])[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
  );
}

/** The members of `components["schemas"]` in the types for a document, each with the names of its own members. */
async function typedSchemas(document: Document): Promise<ReadonlyMap<string, readonly string[]>> {
  const nodes: readonly Node[] = await openapiTS(document as unknown as OpenAPI3);
  const components = nodes.filter(isInterfaceDeclaration).find(({ name }) => name.text === "components");
  assert.ok(components !== undefined);
  const schemas = membersOf(components.members).get("schemas");
  assert.ok(schemas !== undefined && isTypeLiteralNode(schemas));
  const typed = membersOf(schemas.members);
  assert.deepEqual([...typed.keys()], Object.keys(document.components.schemas));
  for (const name of typed.keys()) assert.match(name, /^[A-Z][A-Za-z]+$/, "a name that says what it is");
  return new Map(
    [...typed].map(([name, type]) => [name, isTypeLiteralNode(type) ? [...membersOf(type.members).keys()] : []]),
  );
}

function membersOf(members: readonly Node[]): ReadonlyMap<string, TypeNode> {
  return new Map(
    members.filter(isPropertySignature).flatMap(({ name, type }) => {
      return type !== undefined && "text" in name ? [[name.text, type] as const] : [];
    }),
  );
}
