import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Refusal } from "./refusal.ts";
import { parseTtl } from "./ttl.ts";

const HINT = "Whole seconds from 600 to 43200 are allowed; 3600 is the default.";

function refuses(values: readonly string[], problem: string): void {
  assert.throws(() => parseTtl(values), {
    name: "Refusal",
    code: "ttl_invalid",
    message: `The query parameter ttl ${problem}.`,
    detail: { hint: HINT },
  });
}

describe("a ttl", () => {
  test("is 3600 s where the request names none", () => assert.equal(parseTtl([]), 3600));

  for (const seconds of [600, 601, 899, 900, 3600, 43_199, 43_200]) {
    test(`may be ${seconds}`, () => assert.equal(parseTtl([String(seconds)]), seconds));
  }

  test("may have leading zeros: they are decimal digits, not octal", () => {
    assert.equal(parseTtl(["00600"]), 600);
    assert.equal(parseTtl(["01000"]), 1000);
  });

  for (const value of ["0", "1", "599", "00", "0000000000000000599"]) {
    test(`may not be ${value}`, () => refuses([value], "is too short"));
  }
  for (const value of ["43201", "1".padEnd(31, "0"), "9".repeat(400), "18446744073709555216"]) {
    test(`may not be ${value.length > 40 ? `${value.length} digits long` : value}`, () =>
      refuses([value], "is too long"));
  }

  test("may not be empty", () => refuses([""], "is empty"));

  for (const values of [
    ["3600", "3600"],
    ["3600", ""],
    ["", "3600"],
    ["x", "3600"],
  ]) {
    test(`may not be repeated: ${JSON.stringify(values)}`, () => refuses(values, "is given more than once"));
  }

  for (const value of [
    "1e3",
    "3600.5",
    "3600.0",
    "3600.",
    "+3600",
    "-1",
    "-3600",
    " 3600",
    "3600 ",
    "3600\n",
    "\t3600",
    "0x10",
    "0xE10",
    "0b1",
    "0o7020",
    "3_600",
    "3,600",
    "3600s",
    "PT1H",
    "NaN",
    "Infinity",
    "null",
    "٣٦٠٠",
    "３６００",
    "3600\u0000",
    "3600n",
  ]) {
    test(`must be decimal digits: ${JSON.stringify(value)}`, () => {
      refuses([value], "isn't a whole number in decimal digits");
    });
  }

  test("is a whole number in bounds or a refusal, whatever was sent", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.nat(50_000).map(String)), { maxLength: 2 }),
        (values) => {
          try {
            const seconds = parseTtl(values);
            assert.ok(Number.isInteger(seconds) && seconds >= 600 && seconds <= 43_200);
          } catch (error) {
            assert.ok(error instanceof Refusal, String(error));
            assert.equal(error.code, "ttl_invalid");
          }
        },
      ),
    );
  });
});
