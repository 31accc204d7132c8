/**
 * All checks that a change must pass; CI runs the same. Each step runs even if an earlier one failed. The tests come
 * last, so that the last line has the counts of both runs.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";

const STEPS: readonly (readonly [title: string, command: string])[] = [
  ["formatted", "biome format ."],
  ["type-checked", "tsc -p tsconfig.json"],
  ["client type-checked", "tsc -p packages/client/tsconfig.build.json"],
  ["console built", "npm run build --silent -w @countersign/console"],
  ["console type-checked", "tsc --noEmit -p packages/console"],
  ["linted", "oxlint --type-aware --deny-warnings"],
  ["layered", "depcruise packages --config .dependency-cruiser.cjs"],
  ["documented", "node scripts/docs.ts --check"],
  ["tested", "npm test --silent"],
  ["tested with other programs", "npm run test:peers --silent"],
];

/** The line with which scripts/closing-lines.ts ends. */
const COUNTS = /(\d+) passed, (\d+) failed, (\d+) skipped\n$/;

let counts: readonly number[] = [0, 0, 0];
const failures: string[] = [];
for (const [title, command] of STEPS) {
  process.stdout.write(`\n# ${title}: ${command}\n`);
  const startedAt = performance.now();
  const child = spawn(command, { shell: true, stdio: ["inherit", "pipe", "inherit"] });
  let end = "";
  child.stdout.on("data", (chunk: Buffer) => {
    process.stdout.write(chunk);
    end = (end + chunk.toString()).slice(-200);
  });
  const [status] = (await once(child, "close")) as [number | null];
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stderr.write(`# ${title}: ${status === 0 ? "yes" : "NO"}, ${seconds} s\n`);
  if (status !== 0) failures.push(`not ${title}: ${command}\n`);
  const added = COUNTS.exec(end)?.slice(1);
  counts = counts.map((count, index) => count + Number(added?.[index] ?? 0));
}
for (const failure of failures) process.stderr.write(failure);
process.stdout.write(`${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
