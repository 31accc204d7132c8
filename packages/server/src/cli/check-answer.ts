/** The part of JSON Schema by which answers are checked; the schemas are those of the admin API. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

/** The types of JSON Schema in messages. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "an object",
  array: "a list",
};

/**
 * Finds the first place where a value doesn't have the form that a schema says. Types are checked, and times; what a newer release may
 * add isn't refused: other members, and other values of a list of values. A member that an older release doesn't have becomes `null` in
 * the value if it may be null.
 *
 * @param value of JSON; changed as described @param place where the value is, for the message
 * @returns the place and what should be there; `undefined` if the value has the form
 */
export function findMisfit(schema: object, value: unknown, place: string): string | undefined {
  const { type, format, enum: values, properties = {}, required = [], items } = schema as Schema;
  const types = values === undefined ? [type ?? []].flat() : [...new Set(values.map(typeOf))];
  if (types.length > 0 && !types.some((each) => isOfType(value, each)))
    return `${place} isn't ${types.map((each) => TYPE_NAMES[each] ?? each).join(" or ")}`;
  if (format === "date-time" && typeof value === "string" && Number.isNaN(Date.parse(value))) {
    return `${place} isn't a time`;
  }
  if (Array.isArray(value))
    return firstMisfit(value.keys(), (index) => findMisfit(items ?? {}, value[index], `${place}/${index}`));
  if (typeof value !== "object" || value === null) return undefined;
  const members = value as Record<string, unknown>;
  return firstMisfit(Object.keys(properties), (name) => {
    const property = properties[name] ?? {};
    if (Object.hasOwn(members, name)) return findMisfit(property, members[name], `${place}/${name}`);
    if (!required.includes(name)) return undefined;
    if (findMisfit(property, null, place) !== undefined) return `${place}/${name} is missing`;
    members[name] = null;
    return undefined;
  });
}

function firstMisfit<Part>(parts: Iterable<Part>, find: (part: Part) => string | undefined): string | undefined {
  for (const part of parts) {
    const misfit = find(part);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === "integer") return Number.isSafeInteger(value);
  return typeOf(value) === type;
}

/** The name of a value's type in JSON Schema. */
function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
