/** A JSON Schema. */
type Schema = Readonly<Record<string, unknown>>;

/**
 * A value that a schema accepts, for the documentation: of each member its own example, so that none is written twice.
 *
 * @throws for a text that has no example: nothing else says what it looks like
 */
export function exampleOf(schema: object): unknown {
  const { examples, const: only, default: fallback, enum: values, anyOf, oneOf } = schema as Schema;
  if (Array.isArray(examples)) return examples[0];
  if (only !== undefined) return only;
  if (fallback !== undefined) return fallback;
  if (Array.isArray(values)) return values[0];
  const alternatives = anyOf ?? oneOf;
  if (Array.isArray(alternatives)) return exampleOf(alternatives[0] as object);
  return exampleOfType(schema as Schema);
}

function exampleOfType(schema: Schema): unknown {
  const { type, items = {}, properties = {}, required = [], minimum = 1 } = schema;
  // `null` is what an answer has as long as nothing was set.
  if (Array.isArray(type) && type.includes("null")) return null;
  switch (type) {
    case "object":
      return Object.fromEntries(
        (required as readonly string[]).map((name) => [name, exampleOf((properties as Schema)[name] as object)]),
      );
    case "array":
      return schema["maxItems"] === 0 ? [] : [exampleOf(items as object)];
    case "integer":
    case "number":
      return Math.max(Number(minimum), 1);
    case "boolean":
      return false;
    default:
      throw new Error(`no example for ${JSON.stringify(schema)}`);
  }
}
