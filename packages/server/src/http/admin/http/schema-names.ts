/** Gives schemas of the OpenAPI document names, and refers to them by these. */
export interface SchemaNames {
  /** What stands for a schema in a route's description: its name if it has one, otherwise itself. */
  readonly named: (schema: object) => object;
  /** Puts references in the places of names, and the schemas that are referred to into the components. */
  readonly complete: <D extends object>(document: D) => D;
}

/** Stands for a named schema until the document is complete. */
const NAME = "x-schema-name";

/** @param schemas by their names in `components.schemas`; a schema is recognised by its identity */
export function nameSchemas(schemas: Readonly<Record<string, object>>): SchemaNames {
  const names = new Map(Object.entries(schemas).map(([name, schema]) => [schema, name]));
  return {
    named: (schema) => {
      const name = names.get(schema);
      return name === undefined ? schema : { [NAME]: name };
    },
    complete: <D extends object>(document: D): D => {
      const used: Record<string, object> = {};
      const resolve = (value: unknown): unknown => {
        if (typeof value !== "object" || value === null) return value;
        if (Array.isArray(value)) return value.map(resolve);
        const name = (value as Readonly<Record<string, unknown>>)[NAME];
        if (typeof name !== "string") {
          return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolve(member)]));
        }
        used[name] = schemas[name] ?? {};
        return { $ref: `#/components/schemas/${name}` };
      };
      const resolved = resolve(document) as D & { readonly components?: { readonly schemas?: object } };
      return {
        ...resolved,
        components: { ...resolved.components, schemas: { ...resolved.components?.schemas, ...used } },
      };
    },
  };
}
