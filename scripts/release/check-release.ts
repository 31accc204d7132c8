/** What a release is made from. */
export interface ReleaseFacts {
  /** The version of each package, by name. */
  readonly versions: ReadonlyMap<string, string>;
  readonly changelog: string;
  /** The tags at the commit. */
  readonly tags: readonly string[];
  /** What git reports as changed or not tracked. */
  readonly changedFiles: readonly string[];
}

/**
 * Why this can't be released; empty if it can.
 *
 * Every package has the same version, the changelog has a dated section for it, the commit is tagged `v<version>` and
 * nothing is uncommitted.
 */
export function findReleaseProblems({ versions, changelog, tags, changedFiles }: ReleaseFacts): readonly string[] {
  const problems: string[] = [];
  const [version = ""] = versions.values();
  const others = [...versions].filter(([, each]) => each !== version);
  if (others.length > 0) {
    problems.push(
      `the packages differ in their version: ${[...versions].map(([name, each]) => `${name} ${each}`).join(", ")}`,
    );
  }
  if (!/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(version)) problems.push(`${version} isn't a version`);
  const heading = changelog.split("\n").find((line) => line.startsWith(`## ${version} `) || line === `## ${version}`);
  if (heading === undefined) problems.push(`CHANGELOG.md has no section "## ${version} - <date>"`);
  else if (!isDated(heading, version))
    problems.push(`CHANGELOG.md: "${heading}" has no date, such as "## ${version} - 2026-01-31"`);
  if (!tags.includes(`v${version}`)) {
    problems.push(`the commit isn't tagged v${version}${tags.length === 0 ? "" : `, but ${tags.join(", ")}`}`);
  }
  if (changedFiles.length > 0) {
    problems.push(`uncommitted changes: ${changedFiles.slice(0, 5).join(", ")}${changedFiles.length > 5 ? ", …" : ""}`);
  }
  return problems;
}

function isDated(heading: string, version: string): boolean {
  const date = heading.slice(`## ${version} - `.length);
  return /^\d{4}-\d{2}-\d{2}$/.test(date) && !Number.isNaN(Date.parse(date));
}
