import type * as yamlModule from "yaml";
import type { LineCounter, Node, YAMLMap, YAMLParseError } from "yaml";
import { countKeys, countMembers } from "../count-members.ts";
import type { FieldProblem } from "../refusal.ts";
import { documentRefusal } from "./parse-document.ts";

/** The longest document, in bytes: some 60,000 API users with a key each. */
export const DOCUMENT_BYTES_MAX = 64 * 1024 * 1024;

/** How deep a document may be nested. Its schema needs eight levels. */
const DEPTH_MAX = 32;

/** Characters that no document needs (YAML 1.2.2 §5.1 allows only some of them). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** A document's value, and where in the text its parts are. */
export interface ReadDocument {
  readonly value: unknown;
  /** Where a JSON pointer leads, such as `line 12, column 5`; `undefined` if it leads nowhere. */
  readonly placeOf: (pointer: string) => Promise<string | undefined>;
}

/** Reads a document as {@link readYaml} does; JSON ten times as fast. @throws {Refusal} `field_invalid` */
export async function readDocument(text: string): Promise<ReadDocument> {
  const value = parseJson(text);
  if (value === undefined) return readYaml(text);
  let read: Promise<ReadDocument> | undefined;
  // The parser of YAML knows places.
  return { value, placeOf: async (pointer) => (await (read ??= readYaml(text))).placeOf(pointer) };
}

/** `undefined` for what isn't a JSON object, and for what names a member twice: the parser of YAML says where. */
function parseJson(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return countMembers(text) === countKeys(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads one YAML 1.2 document, which JSON is too. It takes what JSON can say, and nothing else: no anchor, alias, tag or directive,
 * no key that isn't a text or is there twice. `no` and `2027-12-31` are texts.
 *
 * It loads the parser when it is called.
 *
 * @throws {Refusal} `field_invalid`; each message begins with the line and the column
 */
export async function readYaml(text: string): Promise<ReadDocument> {
  const yaml = await import("yaml");
  const control = CONTROL.exec(text);
  const lines = new yaml.LineCounter();
  const at = (offset: number) => placeIn(lines, offset);
  if (control !== null) {
    const line = text.slice(0, control.index).split("\n").length;
    throw documentRefusal([{ field: "", message: `line ${line}: it has a control character.` }]);
  }
  const document = yaml.parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    // Compares every key of an object with every other one; toValue does it with a set.
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const [error] = document.errors;
  if (error !== undefined) {
    throw documentRefusal([{ field: "", message: `${at(error.pos[0])}: ${messageOf(error)}` }]);
  }
  const problems: FieldProblem[] = [];
  const { version } = document.directives?.yaml ?? {};
  if (version !== "1.2") {
    problems.push({ field: "", message: "line 1: YAML 1.2 is needed; it reads words such as no in another way." });
  }
  const value = toValue(yaml, document.contents, 0, (message, node) => {
    problems.push({ field: "", message: `${at(node.range?.[0] ?? 0)}: ${message}` });
  });
  if (problems.length > 0) throw documentRefusal(problems);
  return { value, placeOf: async (pointer) => findPlace(yaml, document.contents, pointer, at) };
}

function messageOf({ code, message }: YAMLParseError): string {
  if (code === "MULTIPLE_DOCS") return "A file holds one document.";
  // The parser calls itself for each level.
  if (message.startsWith("Maximum call stack")) return "It is nested too deep.";
  return `It isn't YAML: ${message}.`;
}

type Yaml = typeof yamlModule;
type Report = (message: string, node: Node) => void;

function toValue(yaml: Yaml, node: unknown, depth: number, report: Report): unknown {
  if (!yaml.isNode(node)) return null;
  if (yaml.isAlias(node)) {
    report("An alias isn't allowed; write the value again.", node);
    return null;
  }
  if (node.anchor !== undefined) report("An anchor isn't allowed.", node);
  if (node.tag !== undefined) report("A tag isn't allowed.", node);
  if (yaml.isScalar(node)) return node.value;
  if (depth >= DEPTH_MAX) {
    report("It is nested too deep.", node);
    return null;
  }
  if (yaml.isMap(node)) return toObject(yaml, node, depth, report);
  return yaml.isSeq(node) ? node.items.map((item) => toValue(yaml, item, depth + 1, report)) : null;
}

function toObject(yaml: Yaml, map: YAMLMap, depth: number, report: Report): object {
  // Without a prototype, so that no name means anything.
  const object = Object.create(null) as Record<string, unknown>;
  for (const { key, value } of map.items) {
    const place = yaml.isNode(key) ? key : map;
    const name = toValue(yaml, key, DEPTH_MAX, report);
    if (typeof name !== "string") report("A member's name must be a text.", place);
    else if (name in object) report("The object has a member of this name already.", place);
    else object[name] = toValue(yaml, value, depth + 1, report);
  }
  return object;
}

/** Walks along the pointer, and stays at the last part that exists. */
function findPlace(yaml: Yaml, contents: unknown, pointer: string, at: (offset: number) => string): string | undefined {
  let node = contents;
  let place = contents;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const pair = yaml.isMap(node) ? node.items.find(({ key }) => yaml.isScalar(key) && key.value === name) : undefined;
    const next: unknown = pair?.value ?? (yaml.isSeq(node) ? node.items[Number(name)] : undefined);
    if (pair === undefined && next === undefined) break;
    place = pair?.key ?? next;
    node = next;
  }
  return yaml.isNode(place) && place.range ? at(place.range[0]) : undefined;
}

function placeIn(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}`;
}
