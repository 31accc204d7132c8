/** What a search compares: texts in lower case as far as A to Z go, which is what both engines' `lower` agrees on. */
import { type RawBuilder, sql, type SqlBool } from "kysely";
import { canBeStored } from "./bounds.ts";
import { likePrefix } from "./name-queries.ts";

/** The most runs that are looked up. More would only narrow what is compared as a whole anyway. */
const RUNS_MAX = 24;

/** No text that is searched is longer, in UTF-16 code units; and SQLite limits the patterns of LIKE. */
const SOUGHT_LENGTH_MAX = 500;

/** Can any stored text have this one in it? */
export function canBeSought(text: string): boolean {
  return text.length <= SOUGHT_LENGTH_MAX && canBeStored(text);
}

/** A text that is looked for, in a form that stored texts are compared with. */
export interface SoughtText {
  /** For LIKE with the escape character `!`. */
  readonly pattern: string;
  /** Runs of three characters, each once. Empty if the text is shorter. */
  readonly runs: readonly string[];
}

/**
 * The forms in which a text may be stored. Letters beyond A to Z keep their case in the comparison, so the usual spellings of it are
 * looked for.
 */
export function soughtTexts(text: string): readonly SoughtText[] {
  const lower = text.toLowerCase();
  const [first = "", ...rest] = Array.from(lower);
  const eachWord = lower.replaceAll(/(?<![\p{L}\p{M}])\p{L}/gu, (letter) => letter.toUpperCase());
  const spellings = [text, lower, text.toUpperCase(), first.toUpperCase() + rest.join(""), eachWord];
  return [...new Set(spellings.map(toComparable))].map((spelling) => ({
    pattern: `%${likePrefix(spelling)}`,
    runs: runsOf(spelling),
  }));
}

function toComparable(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Both engines count characters as code points, and so does the array. */
function runsOf(text: string): readonly string[] {
  const characters = Array.from(text);
  const runs = characters.slice(2).map((_, index) => characters.slice(index, index + 3).join(""));
  return [...new Set(runs)].slice(0, RUNS_MAX);
}

/**
 * Does the column have one of the texts in it? In the collation "C", PostgreSQL's `lower` changes A to Z alone, as the patterns do,
 * whatever the database's locale. SQLite's `lower` never does more, and ignores the collation of its argument.
 */
export function contains(column: string, texts: readonly SoughtText[]): RawBuilder<SqlBool> {
  return anyOf(
    texts.map(({ pattern }) => sql<SqlBool>`lower(${sql.ref(column)} collate "C") like ${pattern} escape '!'`),
  );
}

export function anyOf(conditions: readonly RawBuilder<SqlBool>[]): RawBuilder<SqlBool> {
  return sql`(${sql.join(conditions, sql` or `)})`;
}
