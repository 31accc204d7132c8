/**
 * Writes the documentation that is generated from the code, and checks the rest. With `--check` nothing is written, and
 * a page that is out of date, or a broken relative link, fails.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { wrapText } from "../packages/server/src/cli/wrap-text.ts";
import { SETTING_GROUPS, type SettingName, SETTINGS } from "../packages/server/src/config/config.ts";
import { REGISTRY_SCHEMA } from "../packages/server/src/core/declared-state/schema.ts";
import { CHECKS, FINDINGS } from "../packages/server/src/core/doctor/catalogue.ts";
import { AUDIT_ACTIONS } from "../packages/server/src/core/feed/event.ts";
import { errorReferenceMarkdown } from "../packages/server/src/http/docs/error-reference.ts";
import { commandLineMarkdown, manPage, readChapters } from "./command-reference.ts";
import { dashboardJson } from "./grafana-dashboard.ts";

const root = join(import.meta.dirname, "..");
const isCheck = process.argv.includes("--check");
const problems: string[] = [];

/** How wide the prose of a page may be. Tables, code, headings and lines that are one link or picture may be wider. */
const COLUMNS_MAX = 100;

const chapters = await readChapters();
const generated = {
  "docs/command-line.md": commandLineMarkdown(chapters),
  "packages/server/man/countersign.1": manPage(chapters),
  "docs/errors.md": errorReferenceMarkdown(),
  "docs/configuration.md": configurationMarkdown(),
  "docs/registry.schema.json": `${JSON.stringify(REGISTRY_SCHEMA, null, 2)}\n`,
  "deploy/monitoring/countersign.dashboard.json": dashboardJson(),
  "docs/doctor.md": withFindings(readFileSync(join(root, "docs/doctor.md"), "utf8")),
  "docs/webhooks.md": withEvents(readFileSync(join(root, "docs/webhooks.md"), "utf8")),
};
for (const [file, text] of Object.entries(generated)) {
  const path = join(root, file);
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  if (isCheck) problems.push(`${file} is out of date; npm run docs writes it anew`);
  else writeFileSync(path, text);
}

const pages = globSync("**/*.md", {
  cwd: root,
  exclude: ["node_modules/**", "**/node_modules/**", "packages/server/console/**"],
});
for (const page of pages) {
  const path = join(root, page);
  for (const [, target = ""] of readFileSync(path, "utf8").matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = "", anchor] = target.split("#");
    const linked = file === "" ? path : join(dirname(path), file);
    if (!existsSync(linked)) problems.push(`${page}: the link to ${target} leads nowhere`);
    else if (anchor !== undefined && linked.endsWith(".md") && !anchorsOf(linked).includes(anchor)) {
      problems.push(`${page}: ${relative(root, linked)} has no heading for #${anchor}`);
    }
  }
}

/** The folders with which a path in a page may begin. Decisions and the changelog may name files of their time. */
const SOURCE_FOLDERS = ["", "packages/server/src"];
for (const page of pages.filter((page) => !page.startsWith("docs/adr/") && page !== "CHANGELOG.md")) {
  for (const [, path = ""] of readFileSync(join(root, page), "utf8").matchAll(/`([\w.-]+\/[\w./-]+\.tsx?)`/g)) {
    if (!SOURCE_FOLDERS.some((folder) => existsSync(join(root, folder, path)))) {
      problems.push(`${page}: there is no ${path}`);
    }
  }
}

for (const page of pages) {
  for (const [index, line] of proseOf(readFileSync(join(root, page), "utf8")).entries()) {
    if (line.length > COLUMNS_MAX) problems.push(`${page}:${index + 1}: over ${COLUMNS_MAX} columns`);
  }
}

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`${pages.length} pages, ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** The lines of a page; empty ones in place of tables, code and headings. */
function proseOf(page: string): string[] {
  let isCode = false;
  return page.split("\n").map((line) => {
    if (line.startsWith("```")) isCode = !isCode;
    return isCode || /^(?:```|#|\||<| {4}|>? *!?\[[^\]]*\]\(|\[[^\]]+\]: )/.test(line) || !line.trim().includes(" ")
      ? ""
      : line;
  });
}

function anchorsOf(file: string): string[] {
  const headings = readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** The page with a new table of events between its markers. */
function withEvents(page: string): string {
  const kinds = Map.groupBy(AUDIT_ACTIONS, (action) => action.slice(0, action.indexOf(".")));
  const rows = [...kinds].map(
    ([kind, actions]) => `| \`${kind}.*\` | ${actions.map((action) => `\`${action}\``).join(", ")} |`,
  );
  const table = ["", "| all of a kind | events |", "| --- | --- |", ...rows, "", ""].join("\n");
  return page.replace(/(?<=<!-- events:.*-->\n)[^]*(?=<!-- \/events -->)/, table);
}

/** The page with the doctor's findings anew between its markers, by check. */
function withFindings(page: string): string {
  const sections = Object.entries(CHECKS).flatMap(([check, { title, looksAt }]) => {
    const own = Object.entries(FINDINGS).filter(([, finding]) => finding.check === check);
    const entries = own.flatMap(([code, { severity, when, fix }]) => [
      `### ${code}`,
      "",
      ...wrapText(`*${severity}.* ${asMarkdown(when)}`, COLUMNS_MAX),
      "",
      ...wrapText(`**What to do:** ${asMarkdown(fix)}`, COLUMNS_MAX),
      "",
    ]);
    return [`## ${title}`, "", ...wrapText(`Looks at ${looksAt}.`, COLUMNS_MAX), "", ...entries];
  });
  const text = ["", ...sections, ""].join("\n");
  return page.replace(/(?<=<!-- findings:.*-->\n)[^]*(?=<!-- \/findings -->)/, () => text);
}

/** A sentence of the doctor as Markdown reads it. */
function asMarkdown(text: string): string {
  return text.replaceAll(/<([a-z]+)>/g, "&lt;$1&gt;");
}

function configurationMarkdown(): string {
  const groups = SETTING_GROUPS.flatMap(({ title, settings }) => [
    "",
    `## ${title}`,
    "",
    "| variable | flag | default | meaning |",
    "|---|---|---|---|",
    ...Object.keys(settings).map((name) => settingRow(SETTINGS[name as SettingName])),
  ]);
  return [
    "# Configuration\n",
    "Flags override environment variables, which override defaults. A variable that is unknown, malformed",
    "or out of bounds stops the start, with one line that names it, its problem and what is allowed.",
    "`NAME_FILE` reads the value of a secret from a file, which must be",
    "[closed to others](operations.md#files-with-secrets). A secret's value is never printed.\n",
    "The page **Settings** of the console shows the effective values, in the same groups.\n",
    "Generated from packages/server/src/config/config.ts by `npm run docs`.",
    ...groups,
    "",
  ].join("\n");
}

function settingRow(setting: (typeof SETTINGS)[SettingName]): string {
  const { variable, meaning, default: fallback } = setting;
  const flag = "flag" in setting ? `\`${setting.flag}\`` : "";
  const file = "secret" in setting ? `, \`${variable}_FILE\`` : "";
  return `| \`${variable}\`${file} | ${flag} | ${fallback.replaceAll("<", "&lt;")} | ${meaning} |`;
}
