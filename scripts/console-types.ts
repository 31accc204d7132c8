/**
 * Writes packages/console/src/api/schema.d.ts, the types of the admin API, from its OpenAPI document. The console's build runs it
 * first; the file isn't kept in the repository, so it can't be out of date there.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { adminApiDocument } from "../packages/server/src/http/admin/document.ts";

const file = join(import.meta.dirname, "..", "packages", "console", "src", "api", "schema.d.ts");
// The two packages have types of their own for the same document.
const document = (await adminApiDocument()) as unknown as OpenAPI3;
const types = astToString(await openapiTS(document));
writeFileSync(
  file,
  `// Written from the admin API's OpenAPI document by scripts/console-types.ts; don't edit.\n${types}`,
);
