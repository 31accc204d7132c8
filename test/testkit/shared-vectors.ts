/**
 * Test vectors of other projects. They aren't in the repository: `COUNTERSIGN_TEST_VECTORS` names the folder that has
 * them. Without it the tests that need them are skipped, and fail where `CI` is set.
 *
 *     describe("Wycheproof", { skip: VECTORS_SKIPPED }, () => { … readSharedVectors("wycheproof", "x.json") … });
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { IS_CI } from "./requirements.ts";

const folder = process.env["COUNTERSIGN_TEST_VECTORS"] ?? "";

/** Why the vectors can't be read; `undefined` if they can. */
function findProblem(): string | undefined {
  if (folder === "") return "COUNTERSIGN_TEST_VECTORS isn't set: it names the folder with other projects' test vectors";
  // A typing error in the name must not look like a machine without vectors.
  return existsSync(join(folder, "wycheproof"))
    ? undefined
    : `COUNTERSIGN_TEST_VECTORS: there is no ${folder}/wycheproof`;
}

const problem = findProblem();
if (problem !== undefined && (IS_CI || folder !== "")) throw new Error(problem);

/** The option `skip` of a test that needs the vectors: a reason, or `false`. */
export const VECTORS_SKIPPED: string | false = problem ?? false;

/** The bytes of one file of the vectors. */
export function readSharedVectors(...path: readonly string[]): Buffer {
  return readFileSync(join(folder, ...path));
}

/** The names of the files in one folder of the vectors, sorted; none without vectors. */
export function listSharedVectors(...path: readonly string[]): readonly string[] {
  return problem === undefined ? readdirSync(join(folder, ...path)).sort() : [];
}
