import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PlacedPackage } from "./locked-tree.ts";

/** Licences under which a dependency of a published package may come: permissive ones, which ask for a notice at most. */
export const LICENCES = [
  "0BSD",
  "MIT",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "Unlicense",
];

const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

/** Is a licence expression satisfied by licences of the list? Knows `OR`, `AND` and parentheses around the whole. */
export function isAllowed(expression: string): boolean {
  const bare = expression.replace(/^\((.*)\)$/, "$1");
  return bare.split(" OR ").some((part) => part.split(" AND ").every((name) => LICENCES.includes(name.trim())));
}

/**
 * The licences of third parties, each package once, by name.
 *
 * @param root the folder with `node_modules`
 * @throws if a package's licence isn't on the list, or the package isn't installed
 */
export function licenceTexts(root: string, packages: Iterable<PlacedPackage>, heading: string): string {
  const unique = new Map([...packages].map((placed) => [`${placed.name}@${placed.locked.version}`, placed]));
  const sections = [...unique].toSorted(([one], [other]) => (one < other ? -1 : 1));
  const refused = sections.filter(([, { locked }]) => !isAllowed(locked.license ?? "none"));
  if (refused.length > 0) {
    const named = refused.map(([id, { locked }]) => `${id} (${locked.license ?? "none"})`).join(", ");
    throw new Error(`licences that aren't on the list in scripts/release/licences.ts: ${named}`);
  }
  const line = "-".repeat(80);
  const texts = sections.map(
    ([id, { source, locked }]) => `${line}\n${id}\n${locked.license}\n\n${textOf(root, source)}\n`,
  );
  return `${heading}\n\n${texts.join("\n")}`;
}

/** The text of a package's licence files, or its author if it has none. */
function textOf(root: string, source: string): string {
  const folder = join(root, source);
  const files = readdirSync(folder)
    .filter((name) => LICENCE_FILE.test(name))
    .toSorted();
  const texts = files.map((name) => readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n").trim());
  if (texts.length > 0) return texts.join("\n\n");
  const { author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    author?: string | { name?: string };
  };
  const name = typeof author === "string" ? author : author?.name;
  return `The package has no licence file.${name === undefined ? "" : ` Author: ${name}`}`;
}
