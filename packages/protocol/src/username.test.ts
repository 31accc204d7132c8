import assert from "node:assert/strict";
import { test } from "node:test";
import { isName, NAME_CHARACTERS_MAX, usernameIn } from "./username.ts";

test("a name is 1 to 63 lower-case letters, digits, dots, underscores and hyphens, and begins with a letter or digit", () => {
  for (const name of ["a", "0", "billing", "b.i_l-ling-", "w".repeat(NAME_CHARACTERS_MAX)])
    assert.ok(isName(name), name);
  for (const name of ["", "-a", ".a", "_a", "A", "a b", "ä", "a\n", "a/b", "w".repeat(NAME_CHARACTERS_MAX + 1)]) {
    assert.ok(!isName(name), name);
  }
});

test("a username is made of the account's id and the name", () => {
  assert.equal(usernameIn(12, "billing"), "api-12-billing");
});
