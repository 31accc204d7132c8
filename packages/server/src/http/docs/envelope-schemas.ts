import { REFUSAL_CODES, WARNING_CODES, WEAKNESSES } from "@countersign/protocol";

/** A JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it). */
export type Schema = Readonly<Record<string, unknown>>;

export const text = { type: "string" } as const;

/** The schema of an object whose members are all required except the `optional` ones. It may get further members later. */
export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return { type: "object", properties, required: Object.keys(properties).filter((name) => !optional.includes(name)) };
}

export const ErrorItem = object(
  {
    code: { enum: REFUSAL_CODES },
    message: text,
    hint: text,
    field: { type: "string", description: "The member or parameter, as a JSON pointer" },
    weakness: { enum: WEAKNESSES, description: "What is weak about the key, for key_weak" },
    docs: { type: "string", format: "uri-reference" },
  },
  ["hint", "field", "weakness"],
);

export const WarningItem = object({ code: { enum: WARNING_CODES }, message: text });

const code = { type: "integer", description: "Equals the HTTP status" } as const;
const warnings = { type: "array", items: WarningItem, examples: [[]] } as const;

/** The answer to a refused request. */
export const Refusal = object({
  meta: object({ code, errors: { type: "array", items: ErrorItem, minItems: 1 }, warnings }),
  data: { type: "object", description: "Empty, unless something was made before the refusal that must not be lost" },
});

/** The members of `meta` in the answer to an accepted request. */
export const META_MEMBERS = { code, errors: { type: "array", maxItems: 0, items: {} }, warnings } as const;

export const Meta = object(META_MEMBERS);

/** The envelope around `data`. */
export function envelope(data: object): Schema {
  return object({ meta: Meta, data: data as Schema });
}
