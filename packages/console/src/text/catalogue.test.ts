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
function walk(visit: (node: ts.Node, place: string) => void, files = FILES): void {
  for (const file of files) {
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

/** The same English where another language may need different words, and why. */
const TWICE: Readonly<Record<string, string>> = {
  none: "agrees with what there is none of",
  no: "agrees with what isn't there",
  Check: "the button that checks, and the heading of what was checked",
  Explain: "the button that explains, and the page in the navigation",
  Pages: "the pages of the console, and those of a list",
};

test("the catalogue has each text once, unless another language may need two", () => {
  const texts = Object.entries(readLanguage("en.json"));
  const twice = texts.filter(([key, text]) => texts.some(([other, same]) => other !== key && same === text));
  assert.deepEqual(
    twice.filter(([, text]) => !Object.hasOwn(TWICE, text)),
    [],
  );
  assert.deepEqual(Object.keys(TWICE).sort(), [...new Set(twice.map(([, text]) => text))].sort());
});

test("a key says what its text is for, without a number that only tells it from another", () => {
  assert.deepEqual(
    Object.keys(readLanguage("en.json")).filter((key) => /[a-z]\d$|\.\w{32,}$/.test(key)),
    [],
  );
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

/** Attributes, properties and defaults that hold words for a reader, even a single one. */
const WORDED = new Set([
  "title",
  "label",
  "showLabel",
  "clearLabel",
  "placeholder",
  "aria-label",
  "description",
  "about",
  "heading",
  "caption",
  "button",
  "legend",
  "next",
  "never",
  "word",
]);
const WORD = /\p{L}{2,}/u;
/** Two words, or one that begins a sentence. */
const PROSE = /\p{L}{2,}[,.:;’']? +\p{L}{2,}|^\p{Lu}\p{Ll}+\b/u;

/** Where a literal is no text of the console, and why. */
const ELSEWHERE: readonly (readonly [place: RegExp, why: string])[] = [
  [/^snippets\//, "programs and commands, the same in every language"],
  [/^text\/browser-name\.ts/, "names of browsers and systems, and their marks in a user agent"],
  [/^ui\/icon\.tsx/, "drawings"],
];

/** Literals with words that are the same in every language, and why. */
const UNTRANSLATED: readonly (readonly [literal: RegExp, why: string])[] = [
  [/^(JavaScript|OpenSSL|Python|Ruby|PHP|curl|Countersign| · Countersign)$/, "names"],
  [/^(openssl|countersign|curl) /, "commands"],
  [/^-----BEGIN |^(PUBLIC|PRIVATE) KEY$/, "labels of PEM"],
  [/^Authorization: JWT |^1\.lM45|^https:\/\/hooks\.example/, "examples of what clients send"],
  [/^(Arrow(Left|Right|Up|Down)|Page(Up|Down)|Home|End|Escape|Enter|Tab|Control\+K Meta\+K)$/, "names of keys"],
  [/^(card|table|chart|badge|step|note|is|row|palette)[- ]/, "CSS classes"],
  [/^input, textarea, select, /, "a CSS selector"],
  [/^(GET|POST|PATCH|PUT|DELETE)$/, "methods of HTTP"],
  [/^useMe was called |^index\.html has no element /, "mistakes of developers"],
  [/^(AbortError|NotAllowedError|InvalidStateError|SecurityError|NFK[CD])$/, "names of the platform"],
];

/** Whether a literal is read by programs alone: a type, a module, a case, a comparison, the name of a property or of a query. */
function isForPrograms(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent) || ts.isLiteralTypeNode(parent)) return true;
  if (ts.isImportAttribute(parent) || ts.isCaseClause(parent) || ts.isElementAccessExpression(parent)) return true;
  if (ts.isPropertyAssignment(parent) && parent.name === node) return true;
  if (ts.isBinaryExpression(parent) && /^[!=]==$/.test(parent.operatorToken.getText())) return true;
  if (ts.isJsxAttribute(parent)) return /^(className|d|viewBox|type|name|id|autoComplete)$/.test(parent.name.getText());
  // A conflict, which the dialog shows in its own words, and a reason to abort, which nobody sees.
  if (ts.isNewExpression(parent)) return /^new (ApiError\("precondition_failed"|DOMException\()/.test(parent.getText());
  // The keys of the query cache, such as ["my passkeys"].
  return ts.isArrayLiteralExpression(parent) && /queryKey|Key\b/.test(parent.parent.getText().slice(0, 40));
}

/** The words of a literal or of a template; `undefined` if it has none for a reader. */
function proseIn(node: ts.Node): string | undefined {
  const texts =
    ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isJsxText(node)
      ? [node.text]
      : ts.isTemplateExpression(node)
        ? [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]
        : [];
  if (texts.length === 0) return undefined;
  const words = ts.isJsxText(node) || isWorded(node) ? WORD : PROSE;
  return texts.map((text) => text.trim()).find((text) => words.test(text));
}

/** Whether a literal stands, perhaps as a branch of a condition, where a reader sees it: as a child of an element, a label or a notification. */
function isWorded(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isConditionalExpression(parent) || ts.isParenthesizedExpression(parent)) {
    return !(ts.isConditionalExpression(parent) && parent.condition === node) && isWorded(parent);
  }
  if (ts.isJsxExpression(parent)) {
    return ts.isJsxAttribute(parent.parent) ? WORDED.has(parent.parent.name.getText()) : true;
  }
  if (ts.isJsxAttribute(parent)) return WORDED.has(parent.name.getText());
  if (ts.isPropertyAssignment(parent)) {
    return parent.initializer === node && WORDED.has(parent.name.getText().replaceAll('"', ""));
  }
  if (ts.isBindingElement(parent)) return parent.initializer === node && WORDED.has(parent.name.getText());
  return ts.isCallExpression(parent) && /^tell(Warning)?$/.test(parent.expression.getText());
}

/** The literals of files that have words for a reader. */
function findWords(files = FILES): readonly string[] {
  const found: string[] = [];
  walk((node, place) => {
    if (ELSEWHERE.some(([each]) => each.test(place))) return;
    const text = proseIn(node);
    if (text === undefined || isForPrograms(node)) return;
    if (!UNTRANSLATED.some(([each]) => each.test(text))) found.push(`${place}: ${text}`);
  }, files);
  return found;
}

test("no literal of the code has words for a reader that aren't in the catalogue", () => {
  assert.deepEqual(findWords(), []);
});

for (const code of [
  "<p>words</p>",
  '<p>{isOff ? "off" : null}</p>',
  '<Fact label="networks" />',
  "<p title={`${count} keys`} />",
  'const LABELS = { revoked: "Revoked" };',
  'const OPTIONS = [["", "Any status"]];',
  'function name() { return count === 1 ? "1 key" : `${count} keys of it`; }',
  'function Field({ never = "never" }) {}',
  'throw new Error("The file is too large.");',
  'tell("saved");',
]) {
  test(`the words in ${code} are found`, () => {
    const file = ts.createSourceFile(join(SOURCE, "sample.tsx"), code, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
    assert.equal(findWords([file]).length > 0, true);
  });
}

test("the console speaks the first language that the browser asks for and it has, else English", () => {
  assert.equal(chooseLanguage(["fr", "de-AT", "en"], ["en", "de"]), "de");
  assert.equal(chooseLanguage(["PT-br"], ["en", "pt", "pt-BR"]), "pt-BR");
  assert.equal(chooseLanguage(["fr"], ["en", "de"]), "en");
  assert.equal(chooseLanguage([], ["en", "de"]), "en");
});
