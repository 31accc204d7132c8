import type { Catalogue } from "./t.ts";

/**
 * The languages besides English, each loaded when a browser asks for it. The build puts every catalogue here that it finds beside
 * `en.json` (vite.config.ts), so that a translation is a file and nothing else.
 */
export const TRANSLATIONS: Readonly<Record<string, () => Promise<{ readonly default: Catalogue }>>> = {};
