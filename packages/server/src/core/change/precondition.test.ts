import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../refusal.ts";
import { checkPreconditions, isNamed } from "./precondition.ts";

const cases = [
  [undefined, '"a"', true],
  ['"a"', '"a"', true],
  ["*", '"a"', true],
  ['"b", "a"', '"a"', true],
  ['"b"', '"a"', false],
  ['W/"a"', '"a"', false],
  ['W/"a"', 'W/"a"', false],
  ['"b" , ,\t"a"', '"a"', true],
  // A comma within a tag doesn't end it.
  ['"x,"', '"x,"', true],
  ['"a" "b"', '"a"', false],
  ["a", '"a"', false],
  ['t, "a"', '"a"', false],
  ['" ", "a"', '"a"', false],
  ['*, "b"', '"a"', false],
  ["", '"a"', false],
] as const;

for (const [ifMatch, current, isMade] of cases) {
  test(`a change to what has the tag ${current} is ${isMade ? "made" : "refused"} under If-Match: ${ifMatch}`, () => {
    const check = () => {
      checkPreconditions({ ifMatch }, current);
    };
    if (isMade) check();
    else {
      assert.throws(check, (error: unknown) => error instanceof Refusal && error.code === "precondition_failed");
    }
  });
}

for (const [ifNoneMatch, current, is] of [
  ['"a"', '"a"', true],
  ['W/"a"', '"a"', true],
  ['"a"', 'W/"a"', true],
  ['"b", W/"a"', '"a"', true],
  ["*", '"a"', true],
  ['"b"', '"a"', false],
  ["a", '"a"', false],
  ["", '"a"', false],
] as const) {
  test(`If-None-Match: ${ifNoneMatch} ${is ? "names" : "doesn't name"} what has the tag ${current}`, () => {
    assert.equal(isNamed(ifNoneMatch, current), is);
    const check = () => {
      checkPreconditions({ ifNoneMatch }, current);
    };
    if (is) assert.throws(check, (error: unknown) => error instanceof Refusal && error.code === "precondition_failed");
    else check();
  });
}

test("a tag that a proxy has weakened is refused with a hint that says so", () => {
  assert.throws(
    () => {
      checkPreconditions({ ifMatch: 'W/"a"' }, '"a"');
    },
    (error: unknown) => error instanceof Refusal && error.detail.hint?.includes("compresses") === true,
  );
});
