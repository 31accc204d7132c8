/**
 * Builds the console into the server's package, which serves it from files under a strict Content-Security-Policy: no script and
 * no style may stand in the page itself, so nothing is inlined.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import { parse } from "@formatjs/icu-messageformat-parser";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const outDir = process.env["COUNTERSIGN_CONSOLE_OUT"] ?? join(import.meta.dirname, "..", "server", "console");
/** Types that shrink; fonts are compressed as they are. */
const COMPRESSED_TYPES = new Set([".html", ".js", ".css", ".svg"]);

/** Where the texts are, a file for each language; and a folder with further ones, for a translation that is being tried. */
const TEXT_FOLDERS = [join(import.meta.dirname, "src", "text"), process.env["COUNTERSIGN_CONSOLE_TEXTS"] ?? []].flat();
const CATALOGUES = TEXT_FOLDERS.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({ language: basename(name, ".json"), path: join(folder, name) })),
);

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    react(),
    {
      // Messages are parsed here, so that the browser gets no parser. Texts without arguments or tags stay strings.
      name: "compile-messages",
      enforce: "pre",
      transform(code, id) {
        if (id.endsWith("/src/text/translations.ts")) {
          const lines = CATALOGUES.filter(({ language }) => language !== "en").map(
            ({ language, path }) => `${JSON.stringify(language)}: () => import(${JSON.stringify(path)}),`,
          );
          return { code: `export const TRANSLATIONS = { ${lines.join(" ")} };`, map: null };
        }
        if (!CATALOGUES.some(({ path }) => path === id)) return undefined;
        const compiled = Object.entries(JSON.parse(code) as Record<string, string>).map(([key, message]) => [
          key,
          /[{<]|''/.test(message) ? parse(message, { captureLocation: false }) : message,
        ]);
        const literal = JSON.stringify(JSON.stringify(Object.fromEntries(compiled)));
        return { code: `export default JSON.parse(${literal});`, moduleType: "js", map: null };
      },
    },
    {
      // Each file once compressed at its best, so that the server needn't do it for each answer.
      name: "precompress",
      apply: "build",
      async closeBundle() {
        const files = readdirSync(outDir, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && COMPRESSED_TYPES.has(extname(entry.name)))
          .map((entry) => join(entry.parentPath, entry.name));
        await Promise.all(
          files.map(async (file) => {
            const bytes = readFileSync(file);
            writeFileSync(`${file}.br`, await compressBrotli(bytes));
            writeFileSync(`${file}.gz`, await compressGzip(bytes, { level: 9 }));
          }),
        );
      },
    },
  ],
  resolve: {
    // The types of messages without the parser; a text that wasn't compiled would fail loudly.
    alias: [
      { find: /^@formatjs\/icu-messageformat-parser$/, replacement: "@formatjs/icu-messageformat-parser/no-parser.js" },
    ],
  },
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // The built files travel without the packages they were built from, whose licences ask to be kept with them.
    license: { fileName: "licenses.md" },
    // Compressing takes longer than building, which is no news.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { "/api": process.env["COUNTERSIGN_ADMIN_URL"] ?? "http://127.0.0.1:8081" } },
});
