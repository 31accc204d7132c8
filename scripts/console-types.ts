/**
 * Writes packages/console/src/api/schema.d.ts, the types of the admin API, from its OpenAPI document.
 *
 *     node scripts/console-types.ts           writes it
 *     node scripts/console-types.ts --check   fails where it isn't what the document says
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { adminApiDocument } from "../packages/server/src/http/admin/admin-api-document.ts";

const file = join(import.meta.dirname, "..", "packages", "console", "src", "api", "schema.d.ts");
const types = `// Written from the admin API's OpenAPI document by npm run docs; don't edit.\n${astToString(
  await openapiTS((await adminApiDocument()) as OpenAPI3),
)}`;
if (!process.argv.includes("--check")) writeFileSync(file, types);
else if (readFileSync(file, "utf8") !== types) {
  process.stderr.write("packages/console/src/api/schema.d.ts is out of date; run npm run docs\n");
  process.exitCode = 1;
}
