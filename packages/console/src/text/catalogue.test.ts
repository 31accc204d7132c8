import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { type MessageFormatElement, parse, TYPE } from "@formatjs/icu-messageformat-parser";
import ts from "typescript";
import { chooseLanguage } from "./choose-language.ts";

const SOURCE = join(import.meta.dirname, "..");
const LANGUAGES = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".json"));

function readLanguage(name: string): Record<string, string> {
  return JSON.parse(readFileSync(join(import.meta.dirname, name), "utf8"));
}

/** The names of the arguments and tags of a message, sorted. */
function namesIn(message: string): readonly string[] {
  const names = new Set<string>();
  const visit = (elements: readonly MessageFormatElement[]) => {
    for (const element of elements) {
      if (element.type !== TYPE.literal && element.type !== TYPE.pound) names.add(element.value);
      if (element.type === TYPE.tag) visit(element.children);
      if (element.type === TYPE.plural || element.type === TYPE.select) {
        for (const option of Object.values(element.options)) visit(option.value);
      }
    }
  };
  visit(parse(message));
  return [...names].sort();
}

const FILES = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !/\.test\.ts$|\.d\.ts$/.test(name))
  .map((name) => {
    const path = join(SOURCE, name);
    const kind = name.endsWith("x") ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
    return ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true, kind);
  });

/** Calls `visit` for each node of each file. */
function walk(visit: (node: ts.Node, place: string) => void): void {
  for (const file of FILES) {
    const each = (node: ts.Node): void => {
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
      visit(node, `${relative(SOURCE, file.fileName)}:${line}`);
      node.forEachChild(each);
    };
    each(file);
  }
}

interface Use {
  readonly key: string;
  readonly names: readonly string[];
  readonly place: string;
}

/** Each `t("key", { … })`, `textParts("key", { … })` and `<T id="key" values={{ … }} />`. */
function readUses(): readonly Use[] {
  const uses: Use[] = [];
  const namesOf = (node: ts.Node | undefined): readonly string[] =>
    node !== undefined && ts.isObjectLiteralExpression(node)
      ? node.properties.map((property) => property.name?.getText() ?? "…").sort()
      : [];
  walk((node, place) => {
    if (ts.isCallExpression(node) && ["t", "textParts"].includes(node.expression.getText())) {
      const [key, values] = node.arguments;
      if (key !== undefined && ts.isStringLiteral(key)) uses.push({ key: key.text, names: namesOf(values), place });
    }
    if (ts.isJsxSelfClosingElement(node) && node.tagName.getText() === "T") {
      const attribute = (name: string) =>
        node.attributes.properties.find(
          (property): property is ts.JsxAttribute => ts.isJsxAttribute(property) && property.name.getText() === name,
        )?.initializer;
      const id = attribute("id");
      const values = attribute("values");
      assert.ok(id !== undefined && ts.isStringLiteral(id), `${place}: the id of <T> is a literal`);
      uses.push({
        key: id.text,
        names: namesOf(values !== undefined && ts.isJsxExpression(values) ? values.expression : undefined),
        place,
      });
    }
  });
  return uses;
}

test("each text of the catalogue is used, and each text that is used is in the catalogue", () => {
  const used = new Set(readUses().map(({ key }) => key));
  assert.deepEqual([...used].sort(), Object.keys(readLanguage("en.json")).sort());
});

test("each use of a text gives exactly the arguments and tags that it has", () => {
  const en = readLanguage("en.json");
  for (const { key, names, place } of readUses()) {
    assert.deepEqual(names, namesIn(en[key] ?? ""), `${place}: ${key}`);
  }
});

test("each language has the keys, arguments and tags of English", () => {
  const en = readLanguage("en.json");
  for (const name of LANGUAGES) {
    const translated = readLanguage(name);
    assert.deepEqual(Object.keys(translated).sort(), Object.keys(en).sort(), name);
    for (const [key, message] of Object.entries(translated)) {
      assert.deepEqual(namesIn(message), namesIn(en[key] ?? ""), `${name}: ${key}`);
    }
  }
});

/** Attributes and properties that hold words for a reader. */
const WORDED = new Set([
  "title",
  "label",
  "placeholder",
  "aria-label",
  "description",
  "about",
  "heading",
  "caption",
  "button",
]);
const WORD = /\p{L}{2,}/u;

/** A literal with words in it, also in a template or as a branch of a condition. */
function literalIn(node: ts.Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node))
    return WORD.test(node.text) ? node.text : undefined;
  if (ts.isTemplateExpression(node)) {
    return [node.head, ...node.templateSpans.map(({ literal }) => literal)].find(({ text }) => WORD.test(text))?.text;
  }
  if (ts.isConditionalExpression(node)) return literalIn(node.whenTrue) ?? literalIn(node.whenFalse);
  if (ts.isParenthesizedExpression(node) || ts.isJsxExpression(node)) return literalIn(node.expression);
  return undefined;
}

/** Words that are the same in every language. */
const NAMES = new Set(["JavaScript", "OpenSSL", "Python", "Ruby", "curl", "Countersign"]);

test("no element, label or notification has words that aren't in the catalogue", () => {
  const found: string[] = [];
  walk((node, place) => {
    let text: string | undefined;
    if (ts.isJsxText(node)) text = WORD.test(node.text) ? node.text.trim() : undefined;
    else if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) text = literalIn(node);
    else if (ts.isJsxAttribute(node) && WORDED.has(node.name.getText())) text = literalIn(node.initializer);
    else if (ts.isPropertyAssignment(node) && WORDED.has(node.name.getText().replaceAll('"', ""))) {
      text = literalIn(node.initializer);
    } else if (ts.isCallExpression(node) && /^tell(Warning)?$/.test(node.expression.getText())) {
      text = literalIn(node.arguments[0]);
    }
    if (text !== undefined && !NAMES.has(text)) found.push(`${place}: ${text}`);
  });
  assert.deepEqual(found, []);
});

test("the console speaks the first language that the browser asks for and it has, else English", () => {
  assert.equal(chooseLanguage(["fr", "de-AT", "en"], ["en", "de"]), "de");
  assert.equal(chooseLanguage(["PT-br"], ["en", "pt", "pt-BR"]), "pt-BR");
  assert.equal(chooseLanguage(["fr"], ["en", "de"]), "en");
  assert.equal(chooseLanguage([], ["en", "de"]), "en");
});
