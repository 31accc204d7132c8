import assert from "node:assert/strict";
import { test } from "node:test";
import { formatGreeting } from "./greeting.ts";

const greeting = {
  version: "1.2.3",
  programName: "npx countersign",
  publicUrl: "http://127.0.0.1:8080",
  adminUrl: "http://127.0.0.1:8081",
  store: "SQLite, in ./data",
  setup: { url: `http://localhost:8081/link#csiv_${"a".repeat(43)}`, expiresAtMs: 86_400_000 },
  nowMs: 0,
};

test("a new store's greeting has the set-up link alone on a line, and fits 80 columns", () => {
  const lines = formatGreeting(greeting).split("\n");
  assert.ok(lines.includes(greeting.setup.url));
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  assert.ok(lines.includes("  npx countersign user create demo --account acme"));
});

test("with an operator, the greeting has no link and leads to the doctor", () => {
  const text = formatGreeting({ ...greeting, setup: undefined });
  assert.doesNotMatch(text, /link|create/);
  assert.match(text, /"npx countersign doctor"/);
});

test("a process for one listener names only that one", () => {
  assert.doesNotMatch(formatGreeting({ ...greeting, publicUrl: null }), /for clients/);
  assert.doesNotMatch(formatGreeting({ ...greeting, adminUrl: null, setup: undefined }), /for operators/);
});
