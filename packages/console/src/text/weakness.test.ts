import assert from "node:assert/strict";
import { test } from "node:test";
import { WEAKNESSES } from "@countersign/protocol";
import { weaknessText } from "./weakness.ts";

test("every weakness has a label of its own, and words that say what to do", () => {
  const labels = WEAKNESSES.map((weakness) => weaknessText(weakness).label);
  assert.equal(new Set(labels).size, WEAKNESSES.length);
  for (const weakness of WEAKNESSES) assert.match(weaknessText(weakness).about, /^[A-Z].+new key pair.+\.$/);
});

test("a weakness of a newer server is shown by its name", () => {
  for (const name of ["lattice_structure", "constructor"]) {
    const { label, about } = weaknessText(name);
    assert.equal(label, name.replaceAll("_", " "));
    assert.match(about, /new key pair/);
  }
});
