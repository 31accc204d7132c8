import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, sep } from "node:path";
import { isNamed } from "../../core/change/precondition.ts";

/**
 * The console's content security policy: pages may load and call only this listener. It forbids inline scripts and styles, other
 * origins and framing (CSP Level 3; Trusted Types).
 */
export const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const HEADERS = [
  ["Content-Security-Policy", CONSOLE_POLICY],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"],
  ["Vary", "Accept-Encoding"],
].flat();

/** The media types of the files that the console's build writes. */
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
};

/** The compressed copies that the build makes of a file, smallest first. */
const ENCODINGS = { ".br": "br", ".gz": "gzip" } as const;

/** Built files have a hash of their content in their names. */
const HASHED = /^\/assets\//;

const INDEX = "/index.html";

/** Serves a file of the console. Calls `otherwise` if there is none. */
export type ConsoleFiles = (request: IncomingMessage, response: ServerResponse, otherwise: () => void) => void;

/** A file in one encoding. */
interface Copy {
  readonly encoding: "br" | "gzip" | undefined;
  readonly tag: string;
  readonly bytes: Buffer;
}

/** A file in all its encodings, smallest first, the uncompressed file last. */
interface ConsoleFile {
  readonly type: string;
  readonly caching: string;
  readonly copies: readonly Copy[];
}

/**
 * Serves the console's built files. Every page is the same document, which routes by the address, so that deep links work. It is
 * served only if the browser asks for a document.
 *
 * The files, some 2 MB, are read once. Answers open no files, so requests for the console can't exhaust the process's descriptors,
 * and the console works when none are left. `Range` is ignored (RFC 9110 §14.2).
 *
 * @param folder the output of the console's build; if it doesn't exist, nothing is served
 */
export function createConsoleFiles(folder: string, nextRequestId: () => string): ConsoleFiles {
  const files = readFiles(folder);
  const document = files.get(INDEX);

  return (request, response, otherwise) => {
    const { method, url = "/", headers } = request;
    const path = url.split("?", 1)[0] ?? "/";
    const isDocument = path === "/" || headers.accept?.includes("text/html") === true;
    const file = files.get(path) ?? (isDocument ? document : undefined);
    const copy = file?.copies.find(({ encoding }) => isAccepted(encoding, headers["accept-encoding"]));
    if (file === undefined || copy === undefined || (method !== "GET" && method !== "HEAD")) {
      otherwise();
      return;
    }
    const common = ["Cache-Control", file.caching, "ETag", copy.tag, "X-Request-Id", nextRequestId(), ...HEADERS];
    const ifNoneMatch = headers["if-none-match"];
    if (ifNoneMatch !== undefined && isNamed(ifNoneMatch, copy.tag)) {
      response.writeHead(304, common).end();
      return;
    }
    const own = ["Content-Type", file.type, "Content-Length", String(copy.bytes.length)];
    if (copy.encoding !== undefined) own.push("Content-Encoding", copy.encoding);
    response.writeHead(200, [...common, ...own]).end(copy.bytes);
  };
}

/** Reads all files, keyed by path, such as `/assets/index-9dJF2cFx.js`. */
function readFiles(folder: string): ReadonlyMap<string, ConsoleFile> {
  const names = new Set(listFiles(folder));
  const files = new Map<string, ConsoleFile>();
  for (const name of names) {
    const extension = extname(name);
    if (extension in ENCODINGS) continue;
    const path = `/${name.split(sep).join("/")}`;
    const copies: Copy[] = [];
    for (const [end, encoding] of Object.entries({ ...ENCODINGS, "": undefined })) {
      if (!names.has(name + end)) continue;
      const bytes = readFileSync(join(folder, name + end));
      const tag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
      copies.push({ encoding, tag, bytes });
    }
    files.set(path, {
      type: TYPES[extension] ?? "application/octet-stream",
      caching: HASHED.test(path) ? "public, max-age=31536000, immutable" : "no-cache",
      copies,
    });
  }
  return files;
}

function listFiles(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(join(folder, sep).length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Does `Accept-Encoding` name this encoding without a weight of 0 (RFC 9110 §12.5.3)? The uncompressed file is always accepted. */
function isAccepted(encoding: Copy["encoding"], acceptEncoding: string | string[] | undefined): boolean {
  if (encoding === undefined) return true;
  return String(acceptEncoding ?? "")
    .split(",")
    .some((element) => {
      const [name, ...parameters] = element.split(";").map((part) => part.trim().toLowerCase());
      return name === encoding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    });
}
