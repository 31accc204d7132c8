import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { connectRaw } from "../../testing/raw-http.ts";
import { until } from "../../../../../test/testkit/eventually.ts";
import { type HttpServer, openHttpServer } from "../server/http-server.ts";
import { createConsoleFiles } from "./console-files.ts";

const PAGE = "<!doctype html><title>Console</title>".padEnd(100_000);
const SCRIPT = "export const answer = 42;\n";

let folder: string;
let server: HttpServer;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "console-files-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), PAGE);
  writeFileSync(join(folder, "index.html.gz"), gzipSync(PAGE));
  writeFileSync(join(folder, "assets", "index-1.js"), SCRIPT);
  writeFileSync(join(folder, "assets", "index-1.js.br"), brotliCompressSync(SCRIPT));
  writeFileSync(join(folder, "assets", "index-1.js.gz"), gzipSync(SCRIPT));
  const serveFile = createConsoleFiles(folder, () => "1");
  server = await openHttpServer("127.0.0.1", 0, () => "1", { reason: undefined });
  server.serve((request, response) => {
    serveFile(request, response, () => response.writeHead(404, ["Content-Length", "0"]).end());
  }, "");
});
after(async () => {
  await server.drain(0);
  rmSync(folder, { recursive: true });
});

/** Sends a request without `fetch`, which asks for encodings and decodes them by itself. */
function ask(path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Response> {
  return fetch(server.url + path, { method, headers: { "accept-encoding": "identity", ...headers } });
}

describe("a file of the console", () => {
  test("is served with its type, its length and the policy", async () => {
    const answer = await ask("/assets/index-1.js?v=1");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/javascript; charset=utf-8");
    assert.equal(answer.headers.get("content-length"), String(SCRIPT.length));
    assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.match(answer.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self'/);
    assert.equal(await answer.text(), SCRIPT);
    assert.equal((await ask("/")).headers.get("cache-control"), "no-cache");
  });

  test("is sent in the smallest encoding that the client accepts", async () => {
    for (const [accepted, encoding] of [
      ["gzip, deflate, br, zstd", "br"],
      ["gzip", "gzip"],
      ["br;q=0, GZIP;q=0.5", "gzip"],
      ["brotli, gzip;q=0.000", null],
      ["", null],
    ] as const) {
      const answer = await ask("/assets/index-1.js", { "accept-encoding": accepted });
      assert.equal(answer.headers.get("content-encoding"), encoding, accepted);
      assert.equal(answer.headers.get("vary"), "Accept-Encoding");
      assert.equal(await answer.text(), SCRIPT);
    }
  });

  test("is 304 for a client that has it in this encoding", async () => {
    const tag = (await ask("/")).headers.get("etag") ?? "";
    for (const named of [tag, `"x", W/${tag}`, "*"]) {
      const answer = await ask("/", { "if-none-match": named });
      assert.equal(answer.status, 304, named);
      assert.equal(answer.headers.get("etag"), tag);
    }
    assert.equal((await ask("/", { "if-none-match": tag, "accept-encoding": "gzip" })).status, 200);
  });

  test("answers HEAD with the same headers, and no body", async () => {
    const answer = await ask("/", {}, "HEAD");
    assert.equal(answer.headers.get("content-length"), String(PAGE.length));
    assert.equal(await answer.text(), "");
  });

  test("is sent whole, whatever range is requested", async () => {
    for (const range of ["bytes=5-3", "bytes=0-4", "bytes=-5", "bytes=999999-", "lines=1-2"]) {
      const answer = await ask("/", { range });
      assert.equal(answer.status, 200, range);
      assert.equal(await answer.text(), PAGE);
    }
  });
});

test("a path that isn't a file gets the document, if a document is requested", async () => {
  assert.equal(await (await ask("/users/7", { accept: "text/html,*/*" })).text(), PAGE);
  assert.equal((await ask("/users/7", { accept: "application/json" })).status, 404);
  assert.equal((await ask("/", {}, "POST")).status, 404);
});

test("only the files are served, and their encoded copies aren't served under their own names", async () => {
  for (const path of [
    "/assets/index-1.js.gz",
    "/../package.json",
    "/assets/..%2findex.html",
    "/assets",
    "//index.html",
  ])
    assert.equal((await ask(path)).status, 404, path);
});

test("clients that disconnect in the middle of an answer leave no descriptor open", {
  skip: process.platform === "linux" ? false : "needs /proc",
}, async () => {
  const descriptors = () => readdirSync("/proc/self/fd").length;
  await ask("/");
  const before = { descriptors: descriptors(), open: server.connections().open };
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(server.url)));
  for (const client of clients) {
    client.pause();
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(60));
  }
  await until(() => server.connections().open >= 20);
  await ask("/");
  for (const client of clients) client.end();
  await until(() => server.connections().open <= before.open);
  assert.ok(descriptors() <= before.descriptors, `${descriptors()} descriptors, ${before.descriptors} before`);
});

test("where the console isn't built, nothing is served", async () => {
  let isServed = true;
  const files = createConsoleFiles(join(folder, "missing"), () => "1");
  files({ method: "GET", url: "/", headers: {} } as never, {} as never, () => {
    isServed = false;
  });
  assert.ok(!isServed);
});
