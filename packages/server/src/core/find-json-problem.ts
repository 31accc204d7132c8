/** Where a text stops being JSON (RFC 8259), and what it should have been there. */
export interface JsonProblem {
  /** From 1. */
  readonly line: number;
  /** In characters (UTF-16 code units), from 1. */
  readonly column: number;
  /** A clause that follows the place, such as `a comma or } is expected`. It repeats nothing of the text. */
  readonly what: string;
}

/** What a text is refused for although it is JSON. */
export interface JsonLimits {
  /** How deep arrays and objects may be nested. Default: any depth. */
  readonly depthMax?: number;
  /** Whether an object may not have two members of a name, however the name is spelt. Default: it may. */
  readonly unique?: boolean;
}

/** What the text may go on with. */
type State = "value" | "value or ]" | "name" | "name or }" | "colon" | "comma or end" | "end";

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_.+-])/y;
const WORD = /(?:true|false|null)(?![0-9A-Za-z_])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;

/**
 * Finds the first place at which a text isn't JSON. The engine's own message would quote the text, which may hold a secret, and names no
 * place in some cases. It takes a time proportional to the length, and any depth.
 *
 * @returns `undefined` for JSON within the limits
 */
export function findJsonProblem(text: string, limits: JsonLimits = {}): JsonProblem | undefined {
  const found = scan(text, limits);
  if (found === undefined) return undefined;
  const before = text.slice(0, found.at);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: found.at - lineStart + 1, what: found.what };
}

/** `line 3, column 12: a comma or } is expected`. */
export function describeJsonProblem({ line, column, what }: JsonProblem): string {
  return `line ${line}, column ${column}: ${what}`;
}

interface Found {
  readonly at: number;
  readonly what: string;
}

function scan(text: string, { depthMax = Number.POSITIVE_INFINITY, unique = false }: JsonLimits): Found | undefined {
  /** The closing brackets that are due, the innermost last. */
  const open: string[] = [];
  /** The names of the members of what is open, if they have to be unique. */
  const names: Set<unknown>[] = [];
  let state: State = "value";
  let at = 0;
  for (;;) {
    at = skip(text, SPACE, at);
    const character = text[at];
    if (character === undefined) return state === "end" ? undefined : { at, what: cutOff(open) };
    if (state === "end") return { at, what: "the text goes on after its value" };
    if (state === "colon") {
      if (character !== ":") return { at, what: "a colon is expected after the member's name" };
      state = "value";
      at++;
    } else if (state === "comma or end") {
      const close = open.at(-1) ?? "";
      if (character !== "," && character !== close) return { at, what: `a comma or ${close} is expected` };
      at++;
      if (character === ",") state = close === "}" ? "name" : "value";
      else state = closed(open);
    } else if (state === "name" || state === "name or }") {
      if (character === "}" && state === "name or }") {
        at++;
        state = closed(open);
        continue;
      }
      if (character !== '"') return { at, what: notAName(character) };
      const end = stringEnd(text, at);
      if (typeof end !== "number") return end;
      if (unique && isKnownName(names, open.length, text.slice(at, end))) {
        return { at, what: "the object has a member of this name already" };
      }
      at = end;
      state = "colon";
    } else {
      if (character === "]" && state === "value or ]") {
        at++;
        state = closed(open);
        continue;
      }
      if (character === "{" || character === "[") {
        if (open.length >= depthMax) return { at, what: `at most ${depthMax} levels are allowed` };
        open.push(character === "{" ? "}" : "]");
        if (unique) names[open.length] = new Set();
        state = character === "{" ? "name or }" : "value or ]";
        at++;
        continue;
      }
      const end = character === '"' ? stringEnd(text, at) : wordEnd(text, at);
      if (typeof end !== "number") return end;
      at = end;
      state = open.length === 0 ? "end" : "comma or end";
    }
  }
}

function isKnownName(names: readonly Set<unknown>[], depth: number, json: string): boolean {
  const name: unknown = JSON.parse(json);
  const known = names[depth];
  if (known === undefined || known.has(name)) return known !== undefined;
  known.add(name);
  return false;
}

function closed(open: string[]): State {
  open.pop();
  return open.length === 0 ? "end" : "comma or end";
}

/** Where a match of a sticky pattern ends; `at` itself if it doesn't match. */
function skip(text: string, pattern: RegExp, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function wordEnd(text: string, at: number): number | Found {
  const end = Math.max(skip(text, NUMBER, at), skip(text, WORD, at));
  return end > at ? end : { at, what: notAValue(text[at] ?? "") };
}

function stringEnd(text: string, start: number): number | Found {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code < 0x20) {
      const what =
        code === 0x0a || code === 0x0d
          ? "a line break in a string is written \\n"
          : "a control character in a string is written \\u00…";
      return { at, what };
    }
    if (code !== 0x5c) continue;
    const end = skip(text, ESCAPE, at);
    if (end === at)
      return { at, what: 'after \\ one of " \\ / b f n r t or u and four hexadecimal digits is expected' };
    at = end - 1;
  }
  return { at: start, what: "the string that begins here isn't closed" };
}

function cutOff(open: readonly string[]): string {
  if (open.length === 0) return "a value is expected";
  return `the text ends, and ${open.length === 1 ? `a ${open[0]} is` : `${open.length} brackets are`} missing`;
}

function notAName(character: string): string {
  if (character === "}") return "the comma before } is one too many";
  if (character === "'") return "a member's name is in double quotes";
  return "a member's name in double quotes is expected";
}

function notAValue(character: string): string {
  if (character === "]" || character === "}") return `a value is expected before ${character}`;
  if (character === "'") return "a string is in double quotes";
  if (character === "/" || character === "#") return "JSON has no comments";
  if (character === "\ufeff") return "a byte order mark comes before the text";
  if (/[-+.0-9]/.test(character)) return "this isn't a number as JSON writes it";
  if (/[A-Za-z]/.test(character)) return "JSON's words are true, false and null, and a string is in double quotes";
  return "a value is expected";
}
