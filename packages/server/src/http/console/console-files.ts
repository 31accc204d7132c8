import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, sep } from "node:path";
import { isNamed } from "../../core/change/precondition.ts";

/**
 * What the console's pages may do: run and show what this listener serves, ask this listener, and nothing else. No script or
 * style inside a page, no other origin, no frame around it (CSP Level 3; Trusted Types).
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

/** What the console's build writes. */
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
};

/** The copies that the build makes of a file, the smallest first. */
const ENCODINGS = { ".br": "br", ".gz": "gzip" } as const;

/** Built files have a hash of their contents in their names. */
const HASHED = /^\/assets\//;

const INDEX = "/index.html";

/** Serves a file of the console, or says that there is none. */
export type ConsoleFiles = (request: IncomingMessage, response: ServerResponse, otherwise: () => void) => void;

/** A file in one encoding. */
interface Copy {
  readonly encoding: "br" | "gzip" | undefined;
  readonly tag: string;
  readonly bytes: Buffer;
}

/** A file in all its encodings, the smallest first and the file itself last. */
interface ConsoleFile {
  readonly type: string;
  readonly caching: string;
  readonly copies: readonly Copy[];
}

/**
 * The console's built files. Every page is the same document, which looks at the address itself, so that links deep into the
 * console work; but only where a browser asks for a document.
 *
 * The files are read once, some 2 MB: answers open none, so that no client can use up the process's descriptors by them, and
 * the console works when there are none left. `Range` is ignored (RFC 9110 §14.2).
 *
 * @param folder as the console's build writes it; where it isn't there, nothing is served
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

/** By path, such as `/assets/index-9dJF2cFx.js`. */
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

/** Does `Accept-Encoding` name this encoding, and not with a weight of 0 (RFC 9110 §12.5.3)? A file itself always is accepted. */
function isAccepted(encoding: Copy["encoding"], acceptEncoding: string | string[] | undefined): boolean {
  if (encoding === undefined) return true;
  return String(acceptEncoding ?? "")
    .split(",")
    .some((element) => {
      const [name, ...parameters] = element.split(";").map((part) => part.trim().toLowerCase());
      return name === encoding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    });
}
