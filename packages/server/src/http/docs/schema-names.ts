/** A schema with this member is named by it in an OpenAPI document. It never leaves the process. */
export const SCHEMA_NAME = "x-schema-name";

/**
 * Makes the function that marks schemas, and those inside them, with their names.
 *
 * @param schemas by their names in `components.schemas`; a schema is recognised by its identity
 */
export function nameSchemas(schemas: Readonly<Record<string, object>>): (schema: object) => object {
  const names = new Map(Object.entries(schemas).map(([name, schema]) => [schema, name]));
  const named = (schema: object): object => {
    const name = names.get(schema);
    const marked = mapMembers(schema, named);
    return name === undefined ? marked : { ...marked, [SCHEMA_NAME]: name };
  };
  return named;
}

/** Moves the named schemas of a document into its components, and refers to them from where they were. */
export function referToNamedSchemas<D extends object>(document: D): D {
  const schemas: Record<string, object> = {};
  const resolve = (value: object): object => {
    const { [SCHEMA_NAME]: name, ...rest } = value as Readonly<Record<string, unknown>>;
    if (typeof name !== "string") return mapMembers(value, resolve);
    schemas[name] ??= mapMembers(rest, resolve);
    return { $ref: `#/components/schemas/${name}` };
  };
  const { components, ...resolved } = resolve(document) as D & { readonly components?: object };
  return { ...resolved, components: { ...components, schemas } } as unknown as D;
}

function mapMembers(value: object, map: (member: object) => object): object {
  const mapped = (member: unknown): unknown => (typeof member === "object" && member !== null ? map(member) : member);
  if (Array.isArray(value)) return value.map(mapped);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapped(member)]));
}
