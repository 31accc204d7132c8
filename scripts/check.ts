/**
 * Everything that has to hold before a change lands; CI runs the same. Each step runs even if one before it failed. The
 * tests come last, so that their counts are the last line.
 */
import { spawnSync } from "node:child_process";

const STEPS: readonly (readonly [title: string, command: string])[] = [
  ["formatted", "biome format ."],
  ["type-checked", "tsc -p tsconfig.json"],
  ["console built", "npm run build --silent -w @countersign/console"],
  ["console type-checked", "tsc --noEmit -p packages/console"],
  ["linted", "oxlint --type-aware --deny-warnings"],
  ["layered", "depcruise packages --config .dependency-cruiser.cjs"],
  ["documented", "node scripts/docs.ts --check"],
  ["tested", "npm test --silent"],
];

const failures = STEPS.filter(([title, command]) => {
  process.stdout.write(`\n# ${title}: ${command}\n`);
  const startedAt = performance.now();
  const { status } = spawnSync(command, { shell: true, stdio: "inherit" });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stderr.write(`# ${title}: ${status === 0 ? "yes" : "NO"}, ${seconds} s\n`);
  return status !== 0;
});
for (const [title, command] of failures) process.stderr.write(`not ${title}: ${command}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
