import { existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import sirv from "sirv";

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

const HEADERS = {
  "Content-Security-Policy": CONSOLE_POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
} as const;

/** Built files have a hash of their contents in their names. */
const HASHED = /^\/assets\//;

/** Serves a file of the console, or says that there is none. */
export type ConsoleFiles = (request: IncomingMessage, response: ServerResponse, otherwise: () => void) => void;

/**
 * The console's built files. Every page is the same document, which looks at the address itself, so that links deep into the
 * console work; but only where a browser asks for a document.
 *
 * @param folder as the console's build writes it; where it isn't there, nothing is served
 */
export function createConsoleFiles(folder: string, nextRequestId: () => string): ConsoleFiles {
  if (!existsSync(join(folder, "index.html"))) {
    return (_request, _response, otherwise) => {
      otherwise();
    };
  }
  const serve = sirv(folder, {
    etag: true,
    gzip: true,
    brotli: true,
    setHeaders(response, path) {
      response.setHeader("Cache-Control", HASHED.test(path) ? "public, max-age=31536000, immutable" : "no-cache");
      response.setHeader("X-Request-Id", nextRequestId());
      for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    },
  });
  return (request, response, otherwise) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      otherwise();
      return;
    }
    serve(request, response, () => {
      if (request.headers.accept?.includes("text/html") !== true) {
        otherwise();
        return;
      }
      const target = request.url;
      request.url = "/";
      serve(request, response, () => {
        request.url = target;
        otherwise();
      });
    });
  };
}
