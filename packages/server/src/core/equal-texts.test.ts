import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { equalTexts } from "./equal-texts.ts";

describe("texts", () => {
  test("are equal only if they are the same", () => {
    assert.equal(equalTexts("abc", "abc"), true);
    assert.equal(equalTexts("abc", "abd"), false);
    assert.equal(equalTexts("abc", "ab"), false);
    assert.equal(equalTexts("", ""), true);
  });

  test("aren't equal if only their characters' low bytes are the same", () => {
    // "ā" is U+0101, "a" is U+0061: a comparison of low bytes would fold U+0161 onto "a".
    assert.equal(equalTexts("a", "\u0161"), false);
    assert.equal(equalTexts("aa", "\u0161"), false);
  });
});
