import type en from "./en.json";

/** A key of the catalogue. */
export type TextKey = keyof typeof en;

/** The texts of a language. The build parses those with arguments or tags; it keeps the others as they are. */
export type Catalogue = Readonly<Record<TextKey, string>>;

/**
 * The languages besides English, each loaded when a browser asks for it. The build puts every catalogue here that it finds beside
 * `en.json` (vite.config.ts), so that a translation is a file and nothing else.
 */
export const TRANSLATIONS: Readonly<Record<string, () => Promise<{ readonly default: Catalogue }>>> = {};
