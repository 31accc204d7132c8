import type { Command } from "commander";
import { WrongUsage } from "./context.ts";

/** What else people call a command, after other command lines. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  add: ["create", "invite"],
  block: ["deactivate"],
  copy: ["backup"],
  delete: ["deactivate", "revoke", "retire"],
  disable: ["deactivate"],
  enable: ["activate"],
  get: ["list"],
  import: ["add"],
  info: ["show", "list"],
  init: ["serve"],
  log: ["audit"],
  ls: ["list"],
  modify: ["edit"],
  new: ["create", "generate", "invite"],
  register: ["add", "create"],
  remove: ["deactivate", "revoke", "retire"],
  renew: ["rotate"],
  restore: ["activate", "store"],
  rm: ["deactivate", "revoke", "retire"],
  run: ["serve"],
  set: ["edit"],
  start: ["serve"],
  unblock: ["activate"],
  update: ["edit"],
  validate: ["check", "explain"],
  verify: ["check"],
};

/** The command that the words name, and how many of the words name it. */
export function findCommand(
  root: Command,
  words: readonly string[],
): { readonly command: Command; readonly depth: number } {
  let command = root;
  let depth = 0;
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) break;
    command = next;
    depth++;
  }
  return { command, depth };
}

/**
 * Puts the help and the version, however they are asked for, into the form that commander knows: `help key add`, `key help add`,
 * `version` after a command, `-v`.
 */
export function readHelpWords(words: readonly string[]): readonly string[] {
  const [first, ...rest] = words;
  if (first === "-v" || first === "--version" || first === "-V") return ["--version"];
  if (first === "help") {
    const path = rest.filter((word) => !word.startsWith("-"));
    return path.length === 0 ? ["--help"] : [...path, "--help"];
  }
  const last = words.at(-1);
  if (words.length > 1 && (last === "-v" || last === "-V" || last === "--version") && isPath(words.slice(0, -1))) {
    return ["--version"];
  }
  return words;
}

function isPath(words: readonly string[]): boolean {
  return words.length <= 2 && words.every((word) => /^[a-z][a-z-]*$/.test(word));
}

/** `key help`, `key help add`: the help of a group. */
export function readGroupHelp(root: Command, words: readonly string[]): readonly string[] {
  const { command, depth } = findCommand(root, words);
  if (depth === 0 || command.commands.length === 0 || words[depth] !== "help") return words;
  return [...words.slice(0, depth), ...words.slice(depth + 1), "--help"];
}

/** Suggests the subcommand that a word of another command line means. */
export function findSynonym(names: readonly string[], word: string): string | undefined {
  return (Object.hasOwn(SYNONYMS, word) ? SYNONYMS[word] : undefined)?.find((name) => names.includes(name));
}

/** Arguments that can be given as options as well, in the order of the arguments. */
const NAMED_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  "key add": ["--username", "--key"],
  "key challenge": ["--username"],
  "key generate": ["--username"],
  "key list": ["--username"],
};

/**
 * Turns arguments that are given as options into arguments: as `token` takes them, the other way round:
 * `key add --username U --key F` is `key add U F`. An argument given in both ways is one too many, which commander refuses.
 *
 * @throws {WrongUsage} if an option is given twice or without a value
 */
export function readNamedArguments(root: Command, words: readonly string[]): readonly string[] {
  const { command, depth } = findCommand(root, words);
  const path = words.slice(0, depth);
  const flags = NAMED_ARGUMENTS[path.join(" ")];
  if (flags === undefined) return words;
  const named: (string | undefined)[] = flags.map(() => undefined);
  const options: string[] = [];
  const operands: string[] = [];
  const rest = words.slice(depth);
  while (rest.length > 0) {
    const word = rest.shift() ?? "";
    if (word === "--") {
      operands.push(...rest);
      break;
    }
    const [, flag = word, value] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
    const index = flags.indexOf(flag);
    if (index >= 0) {
      const given = value ?? rest.shift();
      if (given === undefined) throw new WrongUsage(`option '${flag}' argument missing`);
      if (named[index] !== undefined) throw new WrongUsage(`${flag} is given twice.`);
      named[index] = given;
    } else if (word.startsWith("-") && word !== "-") {
      options.push(word);
      const option = command.options.find(({ long, short }) => word === long || word === short);
      if (option?.required === true) options.push(...rest.splice(0, valueCount(option.variadic, rest)));
    } else operands.push(word);
  }
  if (named.every((value) => value === undefined)) return words;
  const merged: string[] = [];
  for (const value of named) {
    const next = value ?? operands.shift();
    if (next === undefined) break;
    merged.push(next);
  }
  return [...path, ...options, "--", ...merged, ...operands];
}

/** How many of the words belong to the option before them. */
function valueCount(isVariadic: boolean, words: readonly string[]): number {
  if (!isVariadic) return 1;
  const end = words.findIndex((word) => word.startsWith("-"));
  return end < 0 ? words.length : end;
}
