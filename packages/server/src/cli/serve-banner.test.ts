import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTestClock } from "../testing/test-clock.ts";
import { formatServeBanner, type Served } from "./serve-banner.ts";

const clock = createTestClock();
const link = `http://localhost:8081/link#csiv_${"x".repeat(45)}`;
const served: Served = {
  version: "1.2.3",
  publicUrl: "http://127.0.0.1:8080",
  consoleUrl: "http://localhost:8081",
  config: { databaseUrl: undefined, dataDir: "./data", workers: 1 },
  setup: { url: link, expiresAtMs: clock.wallMs() + 86_400_000 },
  isEmpty: true,
  programName: "npx countersign",
  isQuiet: true,
};
const linesOf = (more: Partial<Served> = {}, useColors = false) =>
  formatServeBanner({ ...served, ...more }, clock, useColors).split("\n");

describe("the banner of serve", () => {
  test("fits 80 columns, with the set-up link on a line of its own", () => {
    const lines = linesOf();
    assert.ok(lines.includes(link));
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.match(
      lines.join("\n"),
      /8080[\s\S]*8081[\s\S]*SQLite, \.\/data\/countersign\.db[\s\S]*key generate api-1-demo/,
    );
  });

  test("a line with the link has nothing else on a coloured terminal either", () => {
    assert.ok(linesOf({}, true).includes(`\u001b[36m${link}\u001b[39m`));
  });

  test("names a PostgreSQL store without its user or password", () => {
    const config = { ...served.config, databaseUrl: "postgres://app:hunter2@db.example.com:5433/cs?password=hunter3" };
    const text = linesOf({ config }).join("\n");
    assert.match(text, /PostgreSQL, cs at db\.example\.com:5433\n/);
    assert.doesNotMatch(text, /hunter|app@|app:/);
    assert.match(text, /\nin which COUNTERSIGN_DATABASE_URL names the same database:\n/);
    assert.doesNotMatch(linesOf().join("\n"), /DATABASE_URL/);
  });

  test("has commands that work on this store and this address, and none for a store with API users", () => {
    const config = { ...served.config, dataDir: "/srv/my data" };
    const text = linesOf({ config, publicUrl: "https://auth.example.com" }).join("\n");
    assert.match(text, /account create acme --data-dir '\/srv\/my data'\n/);
    assert.match(text, /token api-1-demo demo\.pem --url https:\/\/auth\.example\.com\n/);
    assert.doesNotMatch(linesOf({ isEmpty: false, setup: undefined }).join("\n"), /create|link/);
  });

  test("says which listener this process doesn't serve", () => {
    assert.match(linesOf({ consoleUrl: null }).join("\n"), /console +not served by this process/);
  });
});
