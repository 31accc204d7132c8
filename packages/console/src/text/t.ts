/**
 * The texts of the console, by key. `en.json` has all of them as ICU MessageFormat; a translation is a file beside it with the same
 * keys, arguments and tags. Keys are typed, and catalogue.test.ts checks the arguments.
 */
import { type FormatXMLElementFn, IntlMessageFormat, type PrimitiveType } from "intl-messageformat";
import en from "./en.json" with { type: "json" };
import { chooseLanguage } from "./choose-language.ts";
import { type Catalogue, type TextKey, TRANSLATIONS } from "./translations.ts";

/** The language of the console: the first that the browser asks for and the console has; else English. */
export const language: string = chooseLanguage(globalThis.navigator?.languages ?? [], [
  "en",
  ...Object.keys(TRANSLATIONS),
]);

/** The locale of numbers, dates and times: that of the language; for English, days come before months. */
export const locale: string = language === "en" ? "en-GB" : language;

const translation = TRANSLATIONS[language];
const catalogue: Catalogue = translation === undefined ? en : (await translation()).default;

/** Only these make a text more than its characters (a doubled apostrophe stands for one). */
const SYNTAX = /[{<]|''/;

const formats = new Map<TextKey, IntlMessageFormat>();

/** @internal the formatter of a text; `undefined` if it is only characters */
export function formatOf(key: TextKey): IntlMessageFormat | undefined {
  const message = catalogue[key];
  if (typeof message === "string" && !SYNTAX.test(message)) return undefined;
  let format = formats.get(key);
  if (format === undefined) {
    format = new IntlMessageFormat(message, language);
    formats.set(key, format);
  }
  return format;
}

/** The text of a key. @param values the arguments of the message. For elements in a text, use `<T>`. */
export function t(key: TextKey, values?: Readonly<Record<string, PrimitiveType>>): string {
  const format = formatOf(key);
  return format === undefined ? catalogue[key] : String(format.format({ ...values }));
}

/** The parts of a text with elements in it, as `<T>` shows them. */
export function textParts<Element>(
  key: TextKey,
  values: Readonly<Record<string, PrimitiveType | Element | FormatXMLElementFn<Element>>>,
): readonly (string | Element)[] {
  const formatted = formatOf(key)?.format<Element>({ ...values }) ?? catalogue[key];
  return Array.isArray(formatted) ? formatted : [formatted];
}

const numbers = new Intl.NumberFormat(locale);

/** `5,003`: a number as the language writes it. */
export function numberText(number: number): string {
  return numbers.format(number);
}
