import { isUtf8 } from "node:buffer";
import { countKeys, countMembers } from "../../core/count-members.ts";
import { describeJsonProblem, findJsonProblem, type JsonLimits } from "../../core/find-json-problem.ts";
import { Refusal } from "../../core/refusal.ts";

/** How deep the JSON of a body may be nested; the schemas need ten levels. */
const DEPTH_MAX = 32;

/** Why these bytes can't be read as JSON text; `undefined` if they can. */
export function textProblem(contentType: string, body: Buffer): Refusal | undefined {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1] ?? "utf-8";
  // ASCII is UTF-8 as well.
  if (!/^(?:utf-?8|us-ascii)$/i.test(charset)) {
    return new Refusal("media_type_unsupported", "The body's charset isn't UTF-8.", {
      hint: "JSON is UTF-8 (RFC 8259 §8.1): encode the body as UTF-8, and leave charset out.",
    });
  }
  if (isUtf8(body)) return undefined;
  return new Refusal("bad_request", "The body isn't UTF-8.", {
    hint: "Encode the body as UTF-8: Windows PowerShell 5 sends text as ISO 8859-1 unless it is given as bytes.",
  });
}

/** The refusal of a text that isn't JSON, with the place; `undefined` for JSON that a parser refuses for another reason. */
export function syntaxRefusal(json: string): Refusal | undefined {
  if (json.trim() === "") return new Refusal("bad_request", "The body is empty; a JSON object is expected.");
  const problem = findJsonProblem(json);
  return problem && new Refusal("bad_request", `The body isn't JSON: ${describeJsonProblem(problem)}.`);
}

/** What is wrong with a JSON text although a parser accepts it; `undefined` if nothing is. @param value the parsed text */
export function jsonProblem(json: string, value: unknown): Refusal | undefined {
  // First, because the other checks call themselves for each level.
  if (isDeeper(value, DEPTH_MAX)) return nestedTooDeep(json);
  if (!isWellFormed(value)) return notUnicode();
  return countMembers(json) === countKeys(value) ? undefined : namedTwice(json);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

/** An escape such as `\ud800` alone encodes no character (RFC 8259 §8.2), and would be stored as U+FFFD. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member));
}

/** If a name occurs twice, a proxy or a log may read the other member (RFC 8259 §4). */
function namedTwice(json: string): Refusal {
  const place = placeOf(json, { unique: true });
  return new Refusal("bad_request", `The body names a member twice${place}.`, { hint: "Send each member once." });
}

function nestedTooDeep(json: string): Refusal {
  const place = placeOf(json, { depthMax: DEPTH_MAX });
  return new Refusal("bad_request", `The body is nested deeper than ${DEPTH_MAX} levels${place}.`);
}

function placeOf(json: string, limits: JsonLimits): string {
  const problem = findJsonProblem(json, limits);
  return problem === undefined ? "" : `: line ${problem.line}, column ${problem.column}`;
}

function notUnicode(): Refusal {
  return new Refusal("bad_request", "The body holds half of a surrogate pair, which is no character.", {
    hint: "In JSON, a character beyond U+FFFF is written as itself or as both halves of its pair.",
  });
}
