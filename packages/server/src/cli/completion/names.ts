/**
 * Shell completion. The shells run `countersign __complete`, which reads the command line and prints what fits: commands and
 * flags from the commands themselves, names from the store. The scripts in this folder only pass both on.
 */

import type { NameKind } from "../../core/store/stored-name.ts";

/** What completes an argument or a flag's value: names of the store, or files. */
export type Source = NameKind | "files";

/** The first pattern that matches `<command> <placeholder>` decides; without one, nothing is offered. */
const SOURCES: readonly (readonly [pattern: RegExp, source: Source | undefined])[] = [
  [/ create </, undefined],
  [/^operator invite <email>$/, undefined],
  [/^account \w+ <shortname>$|--account <shortname>$/, "account"],
  [/<username>$|^token --username /, "user"],
  [/<key id>$/, "key"],
  [/^webhook [\w-]+ <id>$/, "webhook"],
  [/^resource-server [\w-]+ <name>$/, "resource-server"],
  [/^admin-token [\w-]+ <name>$/, "admin-token"],
  [/^operator [\w-]+ <email>$/, "operator"],
  [/^signing-key [\w-]+ <number>$/, "signing-key"],
  [/<[^>]*\b(?:files?|folder|directory)\b[^>]*>$|<jwt or ->$/i, "files"],
];

/**
 * What completes a placeholder.
 *
 * @param place the command's path, then the flag if it is a flag's value, then the placeholder in angle brackets
 */
export function sourceOf(place: string): Source | undefined {
  return SOURCES.find(([pattern]) => pattern.test(place))?.[1];
}
