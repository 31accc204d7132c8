import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { describeJsonProblem, findJsonProblem } from "./find-json-problem.ts";

describe("a text that isn't JSON: the first place and what is wrong there", () => {
  for (const [text, says] of [
    ["", "line 1, column 1: a value is expected"],
    [" \n ", "line 2, column 2: a value is expected"],
    ['{"a":1,}', "line 1, column 8: the comma before } is one too many"],
    ['{\n  "a": 1\n  "b": 2\n}', "line 3, column 3: a comma or } is expected"],
    ["[1,]", "line 1, column 4: a value is expected before ]"],
    ["[1 2]", "line 1, column 4: a comma or ] is expected"],
    ["{'a':1}", "line 1, column 2: a member's name is in double quotes"],
    ["{a:1}", "line 1, column 2: a member's name in double quotes is expected"],
    ['{"a" 1}', "line 1, column 6: a colon is expected after the member's name"],
    ["{\"a\":'x'}", "line 1, column 6: a string is in double quotes"],
    ['{"a":True}', "line 1, column 6: JSON's words are true, false and null, and a string is in double quotes"],
    ['{"a":NaN}', "line 1, column 6: JSON's words are true, false and null, and a string is in double quotes"],
    ['{"a":truex}', "line 1, column 6: JSON's words are true, false and null, and a string is in double quotes"],
    ['{"a":01}', "line 1, column 6: this isn't a number as JSON writes it"],
    ['{"a":+1}', "line 1, column 6: this isn't a number as JSON writes it"],
    ['{"a":1 // x\n}', "line 1, column 8: a comma or } is expected"],
    ["// x\n{}", "line 1, column 1: JSON has no comments"],
    ['{"a":"x\ny"}', "line 1, column 8: a line break in a string is written \\n"],
    ['{"a":"x\ty"}', "line 1, column 8: a control character in a string is written \\u00…"],
    [
      String.raw`{"a":"\x"}`,
      'line 1, column 7: after \\ one of " \\ / b f n r t or u and four hexadecimal digits is expected',
    ],
    ['{"a":"x', "line 1, column 6: the string that begins here isn't closed"],
    ['{"a":{"b":[1', "line 1, column 13: the text ends, and 3 brackets are missing"],
    ['{"a":1', "line 1, column 7: the text ends, and a } is missing"],
    ['{"a":1}}', "line 1, column 8: the text goes on after its value"],
    ['{"a":1}{"a":2}', "line 1, column 8: the text goes on after its value"],
    ["\ufeff{}", "line 1, column 1: a byte order mark comes before the text"],
  ] as const) {
    test(JSON.stringify(text), () => {
      const problem = findJsonProblem(text);
      assert.equal(problem && describeJsonProblem(problem), says);
    });
  }
});

test("it agrees with the engine's parser on any text, and any change to JSON", () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const changed = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom("", '"', ",", "}", "]", ":", "\\", "'", "0", "-", "e", " ", "\n", "t"))
    .map(([text, at, put]) => text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1));
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string(), changed), (text) => {
      assert.equal(findJsonProblem(text) === undefined, isJson(text), text);
    }),
    { numRuns: 2000 },
  );
});

test("depth costs no stack", () => {
  assert.equal(findJsonProblem("[".repeat(300_000))?.column, 300_001);
  assert.equal(findJsonProblem("[".repeat(300_000) + "]".repeat(300_000)), undefined);
});

test("a member that is there twice is found where it comes again, however its name is spelt, if names have to be unique", () => {
  const text = String.raw`{"a": [{"a": 1}], "b": {"a": 1},
 "\u0061": 2}`;
  assert.equal(findJsonProblem(text), undefined);
  assert.deepEqual(findJsonProblem(text, { unique: true }), {
    line: 2,
    column: 2,
    what: "the object has a member of this name already",
  });
  assert.equal(findJsonProblem('[{"a":1},{"a":1},[{"a":1}]]', { unique: true }), undefined);
});

test("a text that is nested too deep is found where it becomes so, however deep it is", () => {
  assert.equal(findJsonProblem("[[1],{}]", { depthMax: 2 }), undefined);
  for (const text of ["[[{}]]", `[[${"[".repeat(500_000)}`]) {
    assert.deepEqual(findJsonProblem(text, { depthMax: 2 }), {
      line: 1,
      column: 3,
      what: "at most 2 levels are allowed",
    });
  }
});
