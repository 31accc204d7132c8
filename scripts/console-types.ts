/**
 * Writes packages/console/src/api/schema.d.ts, the types of the admin API, from its OpenAPI document. The console's build runs it
 * first; the file isn't kept in the repository, so it can't be out of date there.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";
import { adminApiDocument } from "../packages/server/src/http/admin/admin-api-document.ts";

const file = join(import.meta.dirname, "..", "packages", "console", "src", "api", "schema.d.ts");
const types = astToString(await openapiTS(await adminApiDocument()));
writeFileSync(
  file,
  `// Written from the admin API's OpenAPI document by scripts/console-types.ts; don't edit.\n${types}`,
);
