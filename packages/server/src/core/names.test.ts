import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { checkDisplayText, checkName, printable } from "./names.ts";
import { Refusal } from "./refusal.ts";

function isRefused(check: () => void): boolean {
  try {
    check();
    return false;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.code, "field_invalid");
    assert.match(error.message, /^The (shortname|label) must be 1 to /);
    return true;
  }
}

const isName = (text: string) => !isRefused(() => checkName("shortname", text));
const isDisplayText = (text: string) => !isRefused(() => checkDisplayText("label", text));

describe("a name", () => {
  test("has 1 to 63 lower-case letters, digits, dots, underscores and hyphens, a letter or digit first", () => {
    for (const text of ["a", "0", "a.b_c-d", "a".repeat(63), "7-eleven", "x--"]) assert.ok(isName(text), text);
    for (const text of ["", "a".repeat(64), "A", "-a", ".a", "_a", "a b", "a\n", "\na", "ä", "a/b", "a:b", "a\0"]) {
      assert.ok(!isName(text), JSON.stringify(text));
    }
  });

  test("is one of those or refused, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 70 }), (text) => {
        assert.equal(isName(text), /^[a-z0-9][a-z0-9._-]{0,62}$/.test(text) && !text.includes("\n"));
      }),
    );
  });
});

describe("a display text", () => {
  test("has 1 to 200 characters, not all blank, in any script", () => {
    for (const text of ["a", "Zoë's 🔑", "🧑‍💻", "日本", " a ", "a".repeat(200)]) assert.ok(isDisplayText(text), text);
    for (const text of ["", " ", "\u00a0", "\u200d", "a".repeat(201)]) {
      assert.ok(!isDisplayText(text), JSON.stringify(text));
    }
  });

  test("doesn't hold U+FFFD, which stands for bytes that weren't UTF-8, nor half of a surrogate pair", () => {
    for (const text of ["M\ufffdller", "\ufffd", "a\ud800b", "\udc00"])
      assert.ok(!isDisplayText(text), JSON.stringify(text));
  });

  test("has no character that acts on a terminal or breaks a line", () => {
    for (const hidden of [
      "\n",
      "\r",
      "\t",
      "\0",
      "\u001b[31m",
      "\u007f",
      "\u0085",
      "\u2028",
      "\u2029",
      "\u202e",
      "\ufeff",
    ]) {
      assert.ok(!isDisplayText(`a${hidden}b`), JSON.stringify(hidden));
    }
  });
});

describe("a name from outside in a message", () => {
  test("has no character that acts on a terminal, and is short", () => {
    assert.equal(printable("api-1-demo"), "api-1-demo");
    assert.equal(printable("a\u001b[31mb\nc"), "a?[31mb?c");
    assert.equal(printable("a".repeat(83)), "a".repeat(83));
    assert.equal(printable("a".repeat(84)), `${"a".repeat(63)}…`);
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const shown = printable(text);
        assert.doesNotMatch(shown, /\p{C}/u);
        assert.ok(shown.length <= 83);
      }),
    );
  });
});
