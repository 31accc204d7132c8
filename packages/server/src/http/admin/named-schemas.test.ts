import assert from "node:assert/strict";
import { test } from "node:test";
import { adminApiDocument } from "./document.ts";
import type { AdminRoute } from "./http/route.ts";
import { ADMIN_ROUTES } from "./routes.ts";
import { NAMED_SCHEMAS } from "./named-schemas.ts";

const text = JSON.stringify(await adminApiDocument());
const document = JSON.parse(text) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

test("the document names the schemas of the resources, and refers to nothing that it doesn't have", () => {
  const { schemas } = document.components;
  for (const name of ["User", "NewUser", "UserPatch", "Key", "Account", "Event", "Webhook", "Refusal"]) {
    assert.ok(Object.hasOwn(schemas, name), name);
  }
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name = ""]) => name);
  assert.ok(references.length > 0);
  assert.deepEqual([...new Set(references)].toSorted(), Object.keys(schemas).toSorted());
  assert.doesNotMatch(text, /x-schema-name/);
});

/** Around the data of every route. */
const ENVELOPE: ReadonlySet<string> = new Set(["Meta", "PageMeta", "Refusal", "ErrorItem", "WarningItem"]);

test("every named schema occurs in a route, so the document has all of them", () => {
  const routes: readonly AdminRoute[] = Object.values(ADMIN_ROUTES);
  const used = new Set<unknown>(routes.flatMap(({ data, body }) => [data, body]));
  for (const [name, schema] of Object.entries(NAMED_SCHEMAS)) {
    assert.ok(used.has(schema) || ENVELOPE.has(name), name);
    assert.ok(Object.hasOwn(document.components.schemas, name), name);
  }
});

test("an answer's data and a request's body are references to the named schemas", () => {
  const users = JSON.stringify(document.paths["/api/admin/v1/users"]);
  assert.match(users, /"data":\{"type":"array","items":\{"\$ref":"#\/components\/schemas\/User"\}\}/);
  assert.match(users, /"requestBody":\{[^}]*\{[^}]*\{"schema":\{"\$ref":"#\/components\/schemas\/NewUser"\}/);
});
