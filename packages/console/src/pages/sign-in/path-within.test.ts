import assert from "node:assert/strict";
import { test } from "node:test";
import { pathWithin } from "./path-within.ts";

test("the sign-in returns to the page it was started from", () => {
  assert.equal(pathWithin("/users/api-1-demo?add=key"), "/users/api-1-demo?add=key");
  assert.equal(pathWithin("/audit?actor=cli%3Aalice"), "/audit?actor=cli%3Aalice");
});

test("the sign-in never leads outside the console, whatever the address says", () => {
  for (const path of [
    null,
    "",
    "users",
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/.//evil.example",
    "javascript:alert(1)",
  ]) {
    assert.equal(pathWithin(path), "/", String(path));
  }
});
