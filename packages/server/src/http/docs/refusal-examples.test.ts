import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  createSourceFile,
  forEachChild,
  isNoSubstitutionTemplateLiteral,
  isStringLiteral,
  isTemplateExpression,
  type Node,
  ScriptTarget,
} from "typescript";
import { MESSAGES } from "./refusal-examples.ts";

const sources = join(import.meta.dirname, "..", "..");

/** Shorter texts between the variable parts of a message would fit anything. */
const FIXED_CHARACTERS_MIN = 12;

/** The texts of the sources as patterns, in which the variable parts of a template are anything. */
function patternsOfTexts(): readonly RegExp[] {
  const files = globSync("**/*.ts", { cwd: sources, exclude: ["**/*.test.ts", "http/docs/**"] });
  const patterns: RegExp[] = [];
  const collect = (node: Node): void => {
    if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) patterns.push(patternOf([node.text]));
    else if (isTemplateExpression(node)) {
      const fixed = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
      if (fixed.join("").length >= FIXED_CHARACTERS_MIN) patterns.push(patternOf(fixed));
    }
    forEachChild(node, collect);
  };
  for (const file of files) {
    const source = readFileSync(join(sources, file), "utf8");
    if (source.includes("efusal")) collect(createSourceFile(file, source, ScriptTarget.Latest));
  }
  return patterns;
}

/** @param fixed what stands between the variable parts */
function patternOf(fixed: readonly string[]): RegExp {
  const escaped = fixed.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join(".+")}$`);
}

test("each example of a refusal has a message that the sources have", () => {
  const patterns = patternsOfTexts();
  for (const [code, message] of Object.entries(MESSAGES)) {
    assert.ok(
      patterns.some((pattern) => pattern.test(message)),
      `${code}: ${message}`,
    );
  }
});
