/** The type of what a schema accepts: of the part of JSON Schema that `schemas.ts` uses. */
export type FromSchema<S> = S extends { readonly enum: readonly (infer Value)[] }
  ? Value
  : S extends { readonly anyOf: readonly (infer One)[] }
    ? FromSchema<One>
    : S extends { readonly type: readonly (infer Name)[] }
      ? Primitive<Name>
      : S extends { readonly type: "array"; readonly items: infer Item }
        ? readonly FromSchema<Item>[]
        : S extends { readonly type: "object"; readonly properties: infer P; readonly required: readonly (infer R)[] }
          ? FromProperties<P, R>
          : S extends { readonly type: "object" }
            ? Readonly<Record<string, unknown>>
            : S extends { readonly type: infer Name }
              ? Primitive<Name>
              : unknown;

type FromProperties<P, R> = {
  readonly [Name in keyof P as Name extends R ? Name : never]: FromSchema<P[Name]>;
} & {
  readonly [Name in keyof P as Name extends R ? never : Name]?: FromSchema<P[Name]>;
};

type Primitive<Name> = Name extends "string"
  ? string
  : Name extends "integer" | "number"
    ? number
    : Name extends "boolean"
      ? boolean
      : Name extends "null"
        ? null
        : never;
