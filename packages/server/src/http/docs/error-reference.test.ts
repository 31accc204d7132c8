import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { REFUSAL_CODES } from "@countersign/protocol";
import { ANSWERS } from "../server/answers.ts";
import { ERROR_REFERENCE, errorReferenceMarkdown, errorReferencePage } from "./error-reference.ts";

const documented = readFileSync(new URL("../../../../../docs/errors.md", import.meta.url), "utf8");

test("docs/errors.md lists exactly the codes that exist", () => {
  const headings = [...documented.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  assert.deepEqual(headings, [...REFUSAL_CODES]);
  const codes = new Set(REFUSAL_CODES);
  assert.deepEqual(new Set(Object.keys(ERROR_REFERENCE)), codes);
  assert.deepEqual(new Set(Object.keys(ANSWERS)), codes);
});

test("docs/errors.md has the reference's texts", () => {
  assert.equal(documented, errorReferenceMarkdown());
});

test("the page has an anchor for each code, its status, and no script", () => {
  const page = errorReferencePage();
  for (const code of REFUSAL_CODES) {
    assert.ok(page.includes(`<section id="${code}">`), code);
    assert.ok(page.includes(`HTTP ${ANSWERS[code].status}`), code);
  }
  assert.doesNotMatch(page, /<script|javascript:|\son[a-z]+=/i);
});

test("the page escapes what its texts hold", () => {
  assert.doesNotMatch(errorReferencePage(), /<(assertion|token)>/);
});
