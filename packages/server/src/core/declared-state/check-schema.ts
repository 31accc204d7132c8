import type { FieldProblem } from "../refusal.ts";
import { isTime } from "../time-text.ts";
import type { Schema } from "./schema.ts";

/** The most problems that are reported of one document. */
export const PROBLEMS_MAX = 100;

/**
 * Checks a value against a schema, and adds what is wrong to `problems`, at most {@link PROBLEMS_MAX}. A message never repeats a
 * value: it may be a secret in the wrong place.
 *
 * It ignores `pattern`, because the parser explains what names may have.
 *
 * @param at the value's JSON pointer
 */
export function checkSchema(value: unknown, schema: Schema, at: string, problems: FieldProblem[]): void {
  if (problems.length >= PROBLEMS_MAX) return;
  const problem = findProblem(value, schema);
  if (problem !== undefined) {
    problems.push({ field: at, message: problem });
    return;
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) value.forEach((item, index) => checkSchema(item, items, `${at}/${index}`, problems));
  } else if (typeof value === "object" && value !== null) {
    checkMembers(value, schema, at, problems);
  }
}

function checkMembers(value: object, { properties = {}, required = [] }: Schema, at: string, problems: FieldProblem[]) {
  for (const member of required) {
    if (!Object.hasOwn(value, member)) problems.push({ field: at, message: `"${member}" is missing.` });
  }
  for (const [member, each] of Object.entries(value)) {
    if (problems.length >= PROBLEMS_MAX) return;
    const schema = Object.hasOwn(properties, member) ? properties[member] : undefined;
    const field = `${at}/${escapePointer(member)}`;
    if (schema !== undefined) checkSchema(each, schema, field, problems);
    else
      problems.push({
        field,
        message: `There is no such member here; the members are ${Object.keys(properties).join(", ")}.`,
      });
  }
}

function findProblem(value: unknown, schema: Schema): string | undefined {
  if (schema.const !== undefined && value !== schema.const) return `It must be ${schema.const}.`;
  if (schema.enum !== undefined && !schema.enum.some((each) => each === value)) {
    return `It must be one of ${schema.enum.join(", ")}.`;
  }
  const types = typeof schema.type === "string" ? [schema.type] : schema.type;
  if (types !== undefined && !types.some((type) => hasType(value, type))) return wrongType(value, types);
  if (typeof value === "string") return findTextProblem(value, schema);
  if (typeof value === "number") return findNumberProblem(value, schema);
  if (Array.isArray(value) && schema.maxItems !== undefined && value.length > schema.maxItems) {
    return `It must have at most ${schema.maxItems} items.`;
  }
  return undefined;
}

function findTextProblem(value: string, { minLength = 0, maxLength = Infinity, format }: Schema): string | undefined {
  if (format === "date-time" && !isTime(value)) return "It must be a time in RFC 3339, such as 2027-12-31T23:59:59Z.";
  // JSON Schema counts code points.
  const length = value.length > maxLength || value.length < minLength ? Array.from(value).length : value.length;
  if (length < minLength) return "It must not be empty.";
  return length > maxLength ? `It must have at most ${maxLength} characters.` : undefined;
}

function findNumberProblem(value: number, { minimum = -Infinity, maximum = Infinity }: Schema): string | undefined {
  return value >= minimum && value <= maximum ? undefined : `It must be from ${minimum} to ${maximum}.`;
}

const TYPES: Readonly<Record<string, { readonly words: string; readonly has: (value: unknown) => boolean }>> = {
  string: { words: "a text", has: (value) => typeof value === "string" },
  integer: { words: "a whole number", has: (value) => Number.isInteger(value) },
  boolean: { words: "true or false", has: (value) => typeof value === "boolean" },
  null: { words: "null", has: (value) => value === null },
  array: { words: "a list", has: (value) => Array.isArray(value) },
  object: {
    words: "an object with members",
    has: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  },
};

function hasType(value: unknown, type: string): boolean {
  return TYPES[type]?.has(value) ?? false;
}

function wrongType(value: unknown, types: readonly string[]): string {
  const wanted = types.map((type) => TYPES[type]?.words ?? type).join(" or ");
  if (value === null && types.includes("array")) {
    return `It must be ${wanted}. Leave it out if it isn't managed here; [] is an empty list.`;
  }
  const isUnquoted = types.includes("string") && (typeof value === "number" || typeof value === "boolean");
  return `It must be ${wanted}${isUnquoted ? '; put it in quotes, such as "1"' : ""}.`;
}

/** RFC 6901 §3. */
function escapePointer(member: string): string {
  return member.replaceAll("~", "~0").replaceAll("/", "~1");
}
