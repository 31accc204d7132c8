import assert from "node:assert/strict";
import { test } from "node:test";
import { isLocalLink } from "./is-local-link.ts";

test("a link to this machine only is told from one that others can open", () => {
  for (const host of [
    "localhost",
    "LOCALHOST:8081",
    "localhost.",
    "console.localhost",
    "127.0.0.1:8081",
    "127.1",
    "[::1]:8081",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
    "[::]",
  ]) {
    assert.equal(isLocalLink(`http://${host}/link#secret`), true, host);
  }
  for (const host of [
    "auth.example.com",
    "localhost.example.com",
    "mylocalhost",
    "127.example.com",
    "10.0.0.1",
    "128.0.0.1",
    "[2001:db8::1]",
    "[::ffff:10.0.0.1]",
  ]) {
    assert.equal(isLocalLink(`https://${host}/link#127.0.0.1`), false, host);
  }
  for (const text of ["", "not a link", "/link#secret"]) assert.equal(isLocalLink(text), false, text);
});
