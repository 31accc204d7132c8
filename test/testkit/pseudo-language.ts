/**
 * A pseudo-language: the English texts of the console with accents, 40 % longer and between marks, as a file beside which any
 * translation would stand. What a page shows without accents or marks didn't come from the catalogue, and what has no room for it has
 * none for German either.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type MessageFormatElement, parse, TYPE } from "@formatjs/icu-messageformat-parser";
import { printAST } from "@formatjs/icu-messageformat-parser/printer.js";

const ENGLISH = fileURLToPath(new URL("../../packages/console/src/text/en.json", import.meta.url));

/** Unicode's tag of the pseudo-language with accents (CLDR). */
export const PSEUDO_LANGUAGE = "en-XA";

/** Stand at the beginning and at the end of each text. */
export const MARKS = ["⟦", "⟧"] as const;

const PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ACCENTED = "áƀçđéƒğĥíĵķļɱñóþǫřšţúṽŵẋýžÁƁÇĐÉƑĞĤÍĴĶĻṀÑÓÞǪŘŠŢÚṼŴẊÝŽ";

/** Each letter with an accent, and each vowel twice: vowels are about 40 % of English. */
export function pseudoText(text: string): string {
  return text
    .replaceAll(/[aeiou]/gi, (vowel) => vowel + vowel.toLowerCase())
    .replaceAll(/[a-z]/gi, (letter) => ACCENTED[PLAIN.indexOf(letter)] ?? letter);
}

function pseudoElement(element: MessageFormatElement): MessageFormatElement {
  if (element.type === TYPE.literal) return { ...element, value: pseudoText(element.value) };
  if (element.type === TYPE.tag) return { ...element, children: element.children.map(pseudoElement) };
  if (element.type !== TYPE.plural && element.type !== TYPE.select) return element;
  const options = Object.entries(element.options).map(([name, option]) => [
    name,
    { ...option, value: option.value.map(pseudoElement) },
  ]);
  return { ...element, options: Object.fromEntries(options) };
}

/** A message of the pseudo-language. */
export function pseudoMessage(message: string): string {
  return `${MARKS[0]}${printAST(parse(message).map(pseudoElement))}${MARKS[1]}`;
}

/** Writes the catalogue of the pseudo-language into a folder, named as every catalogue is. */
export function writePseudoLanguage(folder: string): void {
  const english = JSON.parse(readFileSync(ENGLISH, "utf8")) as Record<string, string>;
  const pseudo = Object.entries(english).map(([key, message]) => [key, pseudoMessage(message)]);
  writeFileSync(join(folder, `${PSEUDO_LANGUAGE}.json`), `${JSON.stringify(Object.fromEntries(pseudo), null, 2)}\n`);
}
